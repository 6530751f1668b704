"""Power beside that of the chips, what a building adds to it, and the carbon of electricity and of the hardware itself.

Neither a price of electricity nor the carbon of a grid has a default: both depend on where the machine stands.
"""

from ..vocabulary import Group, Kind, Leaf

LEAVES = (
    Leaf(
        "byte_energy",
        "J/B",
        Kind.CONTINUOUS,
        "Board energy of one byte read from or written to memory",
        Group.HARDWARE,
        default=5.5e-11,
        reason="decoding that saturates the memory of an H200 draws at most 300 W (Ma et al. 2026): 225 W above some "
        "75 W idle, for 85 % of 4.8 TB/s",
        note="on top of idle power; DRAM, controller and the way to the cores",
    ),
    Leaf(
        "host_power",
        "W",
        Kind.CONTINUOUS,
        "Power of processors, adapters, switches and fans of a server, its share for one GPU",
        Group.HARDWARE,
        default=360.0,
        reason="a node of 8 H100 draws 8.48 kW at most, 8 x 700 W of it its GPUs (Latif et al. 2025)",
    ),
    Leaf(
        "pue",
        "1",
        Kind.CONTINUOUS,
        "Power usage effectiveness: what the building draws over what the machines in it draw",
        Group.ENERGY,
        low=1,
        default=1.1,
        reason="what Touvron et al. 2023 take for the data centres of a large operator; 1.2 in Luccioni et al. 2022",
    ),
    Leaf(
        "grid_carbon_intensity",
        "kg/J",
        Kind.CONTINUOUS,
        "Carbon dioxide equivalent of the electricity",
        Group.ENERGY,
        note="0.385 kg/kWh in Touvron et al. 2023 (United States, mean), 0.057 in Luccioni et al. 2022 (France)",
    ),
    Leaf(
        "embodied_carbon",
        "kg",
        Kind.CONTINUOUS,
        "Carbon dioxide equivalent of making one GPU with its share of the server",
        Group.ENERGY,
        note="Luccioni et al. 2022 estimate 150 kg for an A100 and 2500 kg for a server around 8 of them: 462.5 kg",
    ),
)
