"""What people are told of a failure, and whether it is tried again."""

from __future__ import annotations

import pytest
import torch

from shared.errors import DeviceFailed, Diverged, WeightsMissing
from worker.attempts.failures import classify_failure, is_device_failure


def test_a_deliberate_error_tells_of_itself():
    failure = classify_failure(WeightsMissing("vgg19 is not in /weights"))

    assert (failure.code, failure.retryable) == ("weights-missing", False)
    assert failure.hint == "run 'impasto weights fetch'"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
)
def test_every_kind_of_full_memory_is_out_of_memory(error):
    failure = classify_failure(error)

    assert (failure.code, failure.retryable) == ("out-of-memory", False)


def test_torch_really_fails_so_when_memory_is_short():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**48)

    assert classify_failure(caught.value).code == "out-of-memory"


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered", 710),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED when calling cublasCreate"),
        DeviceFailed("fell off the bus"),
    ],
)
def test_what_the_device_says_is_an_error_of_the_device(error):
    failure = classify_failure(error)

    assert is_device_failure(error)
    assert (failure.code, failure.retryable) == ("device-error", True)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("shapes do not match"),
        KeyError("CUDA error"),
    ],
)
def test_what_may_be_the_jobs_fault_is_not(error):
    assert not is_device_failure(error)


def test_a_bug_is_retried_and_gives_away_nothing():
    failure = classify_failure(KeyError("/secret/path"))

    assert (failure.code, failure.retryable) == ("engine-error", True)
    assert "secret" not in str(failure)


def test_divergence_is_final():
    assert classify_failure(Diverged("loss is nan")).retryable is False
