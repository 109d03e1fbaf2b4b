from collections.abc import Iterator

import pytest

from tests.samples.sample import Copy, Started, running_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Copy, Started]]:
    with running_sample(tmp_path_factory.mktemp("sample"), "--trace") as running:
        yield running


@pytest.fixture(scope="module")
def url(sample: tuple[Copy, Started]) -> str:
    return f"{sample[0].url}/orders/v1"
