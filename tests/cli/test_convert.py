import json

import yaml

from apiproxy_runtime.cli.main import main
from tests.house import proxy, write_bundle
from tests.kong.convert.converted import simple

SPIKE = '<SpikeArrest name="P"><Rate>5ps</Rate></SpikeArrest>'


def test_the_file_and_the_report_are_written(tmp_path, capsys):
    bundle = simple(tmp_path, "p", SPIKE)
    output, report = tmp_path / "kong.yml", tmp_path / "report.json"
    code = main(["convert", str(bundle), "--to", "kong", "-o", str(output), "--report", str(report)])
    assert code == 0
    assert yaml.safe_load(output.read_text())["services"][0]["name"] == "p-default"
    rows = json.loads(report.read_text())
    assert {"kind": "policy", "verdict": "partial", "file": "apiproxy/policies/P.xml"}.items() <= next(
        row for row in rows if row["name"] == "P"
    ).items()
    assert capsys.readouterr().out.splitlines() == [
        "1 service, 1 route, 1 plugin, 0 TODO comments",
        "1 policy: 0 exact, 1 partial, 0 manual, 0 drop",
    ]


def test_without_a_file_the_text_goes_to_standard_output_alone(tmp_path, capsys):
    assert main(["convert", str(simple(tmp_path, "p", SPIKE)), "--to", "kong"]) == 0
    captured = capsys.readouterr()
    assert yaml.safe_load(captured.out)["_format_version"] == "3.0"
    assert "1 policy" in captured.err


def test_the_report_may_be_markdown(tmp_path):
    bundle, report = simple(tmp_path, "p", SPIKE), tmp_path / "r.md"
    assert (
        main(["convert", str(bundle), "--to", "kong", "-o", str(tmp_path / "k"), "--report", str(report)])
        == 0
    )
    assert (
        "| partial | policy P (SpikeArrest) | apiproxy/policies/P.xml:1 | plugin rate-limiting |"
        in report.read_text()
    )


def test_nothing_to_convert_is_an_error(tmp_path, capsys):
    assert main(["convert", str(tmp_path), "--to", "kong"]) == 2
    shared = write_bundle(
        tmp_path, "s", {"sharedflows/default.xml": '<SharedFlow name="default"/>'}, "sharedflowbundle"
    )
    assert main(["convert", str(shared), "--to", "kong"]) == 2
    assert "there is no API proxy" in capsys.readouterr().err


def test_a_bundle_with_errors_is_converted_as_far_as_it_goes(tmp_path, capsys):
    bundle = write_bundle(
        tmp_path,
        "p",
        {
            "policies/Broken.xml": "<Broken",
            "proxies/default.xml": proxy(request="<Step><Name>Gone</Name></Step>"),
        },
    )
    assert main(["convert", str(bundle), "--to", "kong"]) == 0
    captured = capsys.readouterr()
    assert "policies/Broken.xml:1" in captured.err
    assert "the policy Gone is not in the bundle" in captured.out
