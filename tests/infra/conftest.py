"""Provides Bicep and what it predicts for both examples of parameters, and Terraform with its stand-ins."""

import os
from pathlib import Path

import pytest

from tests.support.bicep import EXAMPLES, NOT_FOUND, Bicep, Prediction, copy_of_templates, find
from tests.support.terraform import core


@pytest.fixture(scope="session")
def bicep() -> Bicep:
    """Return the compiler; without one, skip, or fail where it must not be missing."""
    found = find()
    if found is None:
        message = f"{NOT_FOUND}: `az bicep install`, then put ~/.azure/bin on the PATH"
        if os.environ.get("BICEP_IS_REQUIRED"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def terraform() -> core.Core:
    """Return Terraform's core; without one, skip, or fail where it must not be missing."""
    found = core.find()
    if found is None:
        if os.environ.get("TERRAFORM_IS_REQUIRED"):
            pytest.fail(core.NOT_FOUND)
        pytest.skip(core.NOT_FOUND)
    return found


@pytest.fixture(scope="session")
def workspace(terraform: core.Core, tmp_path_factory: pytest.TempPathFactory) -> core.Workspace:
    """Return a copy of the stack in which ``init`` has run."""
    made = core.Workspace(terraform, tmp_path_factory.mktemp("terraform"))
    ended = made.init()
    assert ended.code == 0, ended.output
    return made


@pytest.fixture(scope="session")
def predictions(bicep: Bicep, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prediction]:
    """Predict the resources of both examples from the templates as they are now."""
    project = copy_of_templates(tmp_path_factory.mktemp("bicep"))
    return {example: predicted(bicep, project, example) for example in EXAMPLES}


@pytest.fixture(params=EXAMPLES)
def prediction(request: pytest.FixtureRequest, predictions: dict[str, Prediction]) -> Prediction:
    """Return the resources of one example after the other."""
    return predictions[request.param]


@pytest.fixture
def small(predictions: dict[str, Prediction]) -> Prediction:
    """Return the resources of the example without options."""
    return predictions["main.test"]


@pytest.fixture
def large(predictions: dict[str, Prediction]) -> Prediction:
    """Return the resources of the example with all options."""
    return predictions["main.prod"]


def predicted(bicep: Bicep, project: Path, example: str) -> Prediction:
    """Predict the resources of a copy of the templates."""
    run = bicep.snapshot(project, example)
    assert run.returncode == 0, run.stderr
    prediction = Prediction.read(project, example)
    assert prediction.content["diagnostics"] == []
    return prediction
