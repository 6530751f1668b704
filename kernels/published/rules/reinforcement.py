"""Reinforcement learning by generating, scoring and training, one after the other or side by side, as printed."""

from __future__ import annotations

from ...annotations import Array, Choice, Count, Flag, Number, PerSecond
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model
from .inference import Latency, latency_as_printed
from .serving_inputs import Milliseconds, TerabytesPerSecond, TeraflopsPerSecond

NAMESPACE = "rules"

_SECTION = "definition: document 004, section 10, estimate_rl_throughput"
_RAISES = "the document's code divides by zero here: no GPU trains, no rate, or a batch that takes no time"
_UTILISATION = 0.5
REWARD_SIZE = 10
_CASE = dict(params_b=70, batch_size=512, prompt_len=100, gen_len=50)
_ONE_GPU = Erratum(
    "I4.15",
    wrong="one GPU generates and scores the whole batch, however many there are: 9330 ms beside 1018 ms of training",
    right="all GPUs of the generating side share the batch: `rules.rl_iteration_ms_corrected`",
    why="the latency function knows one GPU; so async gains 1.06-1.11x where the text promises 1.5-2x",
)
_OVERLAP = Erratum(
    "I4.15",
    wrong="the text's async iteration is max(generate, train), the code's is max(generate + score, train)",
    right="the code's: scoring waits for what is generated (`rules.rl_text_iteration_ms` is the text's)",
    why="the reward model scores finished samples",
)
_MODES = Erratum(
    "I4.15",
    wrong="every text but `sync` is async; async on 1 GPU divides by zero; reference and critic cost nothing",
    right="two modes, and 0 GPUs train nothing",
    why="the table of GPUs (128 train, 64 + 32 + 32 serve) is not used either, the code halves them",
)
_PLACEHOLDER = Erratum(
    "I4.15",
    wrong="the function returns a speedup of 1.0",
    right="`rules.rl_speedup`: the synchronous iteration over this one",
    why="the field is a placeholder that the caller fills",
)


def _reward(
    params_b: Array, batch: Array, prompt: Array, gen: Array, tflops: Array, bandwidth: Array | float
) -> Latency:
    return latency_as_printed(params_b / REWARD_SIZE, prompt + gen, 1.0, batch, tflops, bandwidth)


def _training_ms(params_b: Array, batch: Array, tokens: Array, epochs: Array, gpus: Array, tflops: Array) -> Array:
    flops = batch * tokens * 6 * params_b * 1e9
    return ratio(flops, gpus * tflops * 1e12 * _UTILISATION, jnp.nan) * 1000 * epochs


def training_gpus(total: Array, mode: Array) -> Array:
    """GPUs that train: all of them, async half."""
    return jnp.where(mode == 0, total, jnp.floor(total / 2))


def iteration_ms(mode: Array, generate: Array, score: Array, train: Array) -> Array:
    """Parts one after the other, async training beside the other two."""
    return jnp.where(mode == 0, generate + score + train, jnp.maximum(generate + score, train))


@cost_model(
    formula=r"[g_{train} = 0 \lor \pi = 0 \lor \beta = 0 \lor t = 0]",
    source=_SECTION,
    example=_CASE | dict(num_ppo_epochs=4, total_gpus=256, rl_mode=0, expect=0.0),
)
def rl_raises(
    params_b: Number,
    batch_size: Count,
    prompt_len: Count,
    gen_len: Count,
    num_ppo_epochs: Count,
    total_gpus: Count,
    rl_mode: Choice,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
) -> Flag:
    """Whether the document's reinforcement learning function divides by zero."""
    generate = latency_as_printed(params_b, prompt_len, gen_len, batch_size, gpu_tflops, memory_bandwidth_tbs)
    score = _reward(params_b, batch_size, prompt_len, gen_len, gpu_tflops, memory_bandwidth_tbs)
    gpus = training_gpus(total_gpus, rl_mode)
    train = _training_ms(params_b, batch_size, prompt_len + gen_len, num_ppo_epochs, gpus, gpu_tflops)
    iteration = iteration_ms(rl_mode, generate.total_ms, score.prefill_ms, train)
    rates = generate.tokens_per_second + score.tokens_per_second
    return jnp.where(jnp.isnan(rates) | jnp.isnan(iteration) | (iteration == 0), 1.0, 0.0)


@cost_model(
    formula=r"b\,s_p\,2N/\pi + g\,2N/\beta",
    source=_SECTION,
    example=_CASE | dict(rl_raises=0, expect=9329.956279),
    errata=(_ONE_GPU,),
    undefined=_RAISES,
)
def rl_generate_ms(
    params_b: Number,
    batch_size: Count,
    prompt_len: Count,
    gen_len: Count,
    gpu_tflops: TeraflopsPerSecond,
    memory_bandwidth_tbs: TerabytesPerSecond,
    rl_raises: Flag,
) -> Milliseconds:
    """Generation of one batch, as published.

    On one GPU.
    """
    found = latency_as_printed(params_b, prompt_len, gen_len, batch_size, gpu_tflops, memory_bandwidth_tbs)
    return jnp.where(rl_raises > 0, jnp.nan, found.total_ms)


@cost_model(
    formula=r"b\,(s_p + g)\,\tfrac{2N}{10} / \pi",
    source=_SECTION,
    example=_CASE | dict(rl_raises=0, expect=1086.060606),
    errata=(_ONE_GPU,),
    undefined=_RAISES,
)
def rl_score_ms(
    params_b: Number,
    batch_size: Count,
    prompt_len: Count,
    gen_len: Count,
    gpu_tflops: TeraflopsPerSecond,
    rl_raises: Flag,
) -> Milliseconds:
    """Scoring of one batch, as published.

    On one GPU, by a reward model a tenth as large.
    """
    found = _reward(params_b, batch_size, prompt_len, gen_len, gpu_tflops, 1.0)
    return jnp.where(rl_raises > 0, jnp.nan, found.prefill_ms)


@cost_model(
    formula=r"\frac{e\,b\,(s_p + g)\,6N}{0.5\,g_{train}\,\pi}",
    source=_SECTION,
    example=_CASE | dict(num_ppo_epochs=4, total_gpus=256, rl_mode=1, rl_raises=0, expect=2036.363636),
    errata=(_MODES,),
    undefined=_RAISES,
)
def rl_train_ms(
    params_b: Number,
    batch_size: Count,
    prompt_len: Count,
    gen_len: Count,
    num_ppo_epochs: Count,
    total_gpus: Count,
    rl_mode: Choice,
    gpu_tflops: TeraflopsPerSecond,
    rl_raises: Flag,
) -> Milliseconds:
    """Training on one batch, as published.

    On all GPUs, async on half of them.
    """
    gpus = training_gpus(total_gpus, rl_mode)
    found = _training_ms(params_b, batch_size, prompt_len + gen_len, num_ppo_epochs, gpus, gpu_tflops)
    return jnp.where(rl_raises > 0, jnp.nan, found)


@cost_model(
    formula=r"t_{gen} + t_{score} + t_{train} \text{, async } \max(t_{gen} + t_{score},\ t_{train})",
    source=_SECTION,
    example=dict(rl_generate_ms=9330.0, rl_score_ms=1086.1, rl_train_ms=2036.4, rl_mode=1, expect=10416.1),
    errata=(_ONE_GPU, _OVERLAP, _MODES),
    undefined=_RAISES,
)
def rl_iteration_ms(
    rl_generate_ms: Milliseconds, rl_score_ms: Milliseconds, rl_train_ms: Milliseconds, rl_mode: Choice
) -> Milliseconds:
    """Time of one iteration, as published."""
    return iteration_ms(rl_mode, rl_generate_ms, rl_score_ms, rl_train_ms)


@cost_model(
    formula=r"b / t",
    source=_SECTION,
    example=dict(batch_size=512, rl_iteration_ms=10416.1, expect=49.154674),
    errata=(_ONE_GPU,),
    undefined=_RAISES,
)
def rl_samples_per_second(batch_size: Count, rl_iteration_ms: Milliseconds) -> PerSecond:
    """Samples per second, as published."""
    return ratio(batch_size, rl_iteration_ms / 1000, jnp.nan)


@cost_model(
    formula=r"b\,g / t",
    source=_SECTION,
    example=dict(batch_size=512, gen_len=50, rl_iteration_ms=10416.1, expect=2457.7337),
    errata=(_ONE_GPU,),
    undefined=_RAISES,
)
def rl_tokens_per_second(batch_size: Count, gen_len: Count, rl_iteration_ms: Milliseconds) -> PerSecond:
    """Generated tokens per second, as published."""
    return ratio(batch_size * gen_len, rl_iteration_ms / 1000, jnp.nan)


@cost_model(
    formula=r"1.0",
    source=_SECTION + " (a placeholder, filled outside the function)",
    example=dict(rl_raises=0, expect=1.0),
    errata=(_PLACEHOLDER,),
    undefined=_RAISES,
)
def rl_speedup_field(rl_raises: Flag) -> Number:
    """The speedup that the document's function returns."""
    return jnp.where(rl_raises > 0, jnp.nan, jnp.ones_like(rl_raises))


@cost_model(
    formula=r"t_{sync} / t",
    source="definition: document 004, section 10 (speedup, printed and in figure 3)",
    example=dict(
        rl_generate_ms=9330.0,
        rl_score_ms=1086.1,
        rl_train_ms=2036.4,
        rl_iteration_ms=10416.1,
        total_gpus=256,
        rl_mode=1,
        expect=1.0977525,
    ),
    errata=(_ONE_GPU,),
    undefined=_RAISES,
)
def rl_speedup(
    rl_generate_ms: Milliseconds,
    rl_score_ms: Milliseconds,
    rl_train_ms: Milliseconds,
    rl_iteration_ms: Milliseconds,
    total_gpus: Count,
    rl_mode: Choice,
) -> Number:
    """The synchronous iteration over this one, as published."""
    share = ratio(training_gpus(total_gpus, rl_mode), total_gpus, jnp.nan)
    return ratio(rl_generate_ms + rl_score_ms + rl_train_ms * share, rl_iteration_ms, jnp.nan)


@cost_model(
    formula=r"t_{gen} + t_{score} + t_{train} \text{, async } \max(t_{gen},\ t_{train})",
    source="definition: document 004, section 10, throughput calculation (the text)",
    example=dict(rl_generate_ms=9330.0, rl_score_ms=1086.1, rl_train_ms=2036.4, rl_mode=1, expect=9330.0),
    errata=(_OVERLAP,),
    undefined=_RAISES,
)
def rl_text_iteration_ms(
    rl_generate_ms: Milliseconds, rl_score_ms: Milliseconds, rl_train_ms: Milliseconds, rl_mode: Choice
) -> Milliseconds:
    """Time of one iteration by the document's text."""
    scored = jnp.where(rl_mode == 0, rl_score_ms, 0.0)
    return iteration_ms(rl_mode, rl_generate_ms, scored, rl_train_ms)
