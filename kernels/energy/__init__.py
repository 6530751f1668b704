"""Power, energy and carbon of training and of serving."""
