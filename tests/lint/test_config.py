"""Configuration files: ours, and the one that apigeelint's users have."""

from pathlib import Path

import pytest

from apiproxy_runtime.lint.config import ConfigError, PathConfig, find_config, read_config


def test_rules_are_weighed_set_and_switched_off(tmp_path: Path) -> None:
    file = tmp_path / ".apiproxylint.yaml"
    file.write_text(
        "profile: apigee\nexclude: [td002]\nrules:\n  PO007: error\n  CC004: {severity: warning, terms: 20}\n  BN014: off\n"
    )
    config = read_config(file)
    assert config.profile == "apigee"
    assert config.exclude == {"TD002", "BN014"}
    assert config.severities == {"PO007": "error", "CC004": "warning"}
    assert config.options == {"CC004": {"terms": 20}}


def test_paths_have_severities_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / ".apiproxylint.yaml"
    file.write_text('paths:\n  - {match: "old/**", exclude: [PO007], rules: {BN005: error, TD002: off}}\n')
    config = read_config(file)
    assert config.severity("bn005", "old/a.xml") == "error"
    assert config.severity("BN005", "new/a.xml") is None
    assert config.excludes("TD002", "old/a.xml")
    assert config.excludes("PO007", "old/a.xml")
    assert not config.excludes("TD002", "new/a.xml")


def test_apigeelintrc_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".apigeelintrc"
    file.write_text(
        "# ours\n--profile apigee\n-e PO013,TD002\n--complexConditionTermCount 20\n--quiet\n--path x\n"
    )
    config = read_config(file)
    assert (config.profile, config.quiet) == ("apigee", True)
    assert config.exclude == {"PO013", "TD002"}
    assert config.options == {"CC004": {"terms": 20}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rulez: {}", "has no setting 'rulez'"),
        ("profile: bogus", "profile must be apigeex or apigee"),
        ("rules: {PO007: loud}", "severity of PO007"),
        ("- a", "must be a mapping"),
        ("a: [", "while parsing"),
    ],
)
def test_a_mistake_names_the_file_and_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / ".apiproxylint.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(file)
    assert str(file) in str(caught.value)


def test_the_nearest_file_wins(tmp_path: Path) -> None:
    bundle = tmp_path / "a" / "apiproxy"
    bundle.mkdir(parents=True)
    (tmp_path / ".apiproxylint.yaml").write_text("")
    assert find_config(bundle) == tmp_path / ".apiproxylint.yaml"
    (tmp_path / "a" / ".apigeelintrc").write_text("")
    assert find_config(bundle) == tmp_path / "a" / ".apigeelintrc"


@pytest.mark.parametrize(
    ("glob", "path", "covered"),
    [
        ("**/legacy/**", "x/legacy/apiproxy/policies/A.xml", True),
        ("**/legacy/**", "legacy/A.xml", True),
        ("legacy/*.xml", "legacy/a/A.xml", False),
        ("**/AM-?.xml", "p/AM-1.xml", True),
    ],
)
def test_patterns_of_paths(glob: str, path: str, covered: bool) -> None:
    assert PathConfig(glob, frozenset()).covers(path) is covered
