"""The token examples against `detect-secrets`' named detectors, which others keep."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import detect_secrets.plugins
import pytest

from mcptelemetry.wire._token_shapes import find_token_shape

ROWS = json.loads((Path(__file__).parents[1] / "data" / "token_shapes.json").read_text())
JUDGED = [(row["detector"], "".join(row["parts"])) for row in ROWS if "detector" in row]

# They look for an assignment to a variable of a certain name, or for an address; none has a token's shape.
WITHOUT_A_SHAPE = {
    "CloudantDetector",
    "IbmCloudIamDetector",
    "IbmCosHmacDetector",
    "SoftlayerDetector",
    "IPPublicDetector",
    "KeywordDetector",
    "RegexBasedDetector",  # the others' ancestor
}


def detectors():
    """Return every named detector, by name; those of entropy are called otherwise."""
    found = {}
    for module in pkgutil.iter_modules(detect_secrets.plugins.__path__):
        members = vars(importlib.import_module(f"detect_secrets.plugins.{module.name}"))
        found.update({name: value for name, value in members.items() if name.endswith("Detector")})
    return found


def test_every_named_detector_with_a_token_shape_has_an_example():
    """No token that the detectors know by its shape is missing among the examples."""
    assert set(detectors()) - WITHOUT_A_SHAPE == {detector for detector, _ in JUDGED}


@pytest.mark.parametrize(("detector", "token"), JUDGED)
def test_example_is_a_token_to_its_detector_and_to_us(detector, token):
    """What the detector takes for a token, and so is in the vendor's format, is one to us."""
    assert list(detectors()[detector]().analyze_string(token))
    assert find_token_shape(token) is not None
