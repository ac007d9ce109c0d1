"""deploy/compose.yaml, Prometheus' rules and Grafana's dashboard: by the names that the server really has."""

import json
import re
from dataclasses import fields

import pytest
import yaml

from benchmarks.support.serving import ROOT
from service import errors
from service.cli.image_context import BASES, UID
from service.observability.metrics import METRICS
from service.settings import Settings, variable

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
PANELS = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
QUERIES = {rule["alert"]: rule["expr"] for rule in RULES}
QUERIES |= {panel["title"]: target["expr"] for panel in PANELS for target in panel["targets"]}
SCALED = yaml.safe_load((DEPLOY / "kubernetes-keda" / "scaled-object.yaml").read_text())["spec"]["triggers"]
QUERIES |= {f"KEDA {it['type']}": it["metadata"]["query"] for it in SCALED if "query" in it["metadata"]}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
EXPORTED = {name + suffix for name, (kind, _) in METRICS.items() for suffix in SUFFIXES[kind.partition("_")[0]]}


def labels_of(metric):
    """As docs/metrics.md has them, besides those that Prometheus adds."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    name = re.sub("_(bucket|sum|count)$", "", metric)
    listed = page.partition(f"### `{name}`")[2].partition("labels: ")[2].partition(".")[0]
    return {word.strip() for word in re.sub(r"\(.*?\)", "", listed).split(",")} | {"instance", "job", "le"}


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_asks_for_what_is_exported(title):
    query = QUERIES[title]
    metrics = set(re.findall(r"daylight_\w+", query))
    assert metrics <= EXPORTED
    grouped = {each.strip() for found in re.findall(r"by \((.*?)\)", query) for each in found.split(",")}
    matched = set(re.findall(r"[{,](\w+)[=!]", query))
    assert grouped | matched <= set.union({"job", "instance"}, *map(labels_of, metrics))


def test_the_codes_of_refusals_exist():
    codes = {each.code for each in vars(errors).values() if hasattr(each, "code")}
    asked = [
        code for query in QUERIES.values() for found in re.findall(r'code=~"(.*?)"', query) for code in found.split("|")
    ]
    assert asked
    assert set(asked) <= codes


def test_each_alert_says_what_is_wrong_and_what_to_do():
    for rule in RULES:
        assert rule["annotations"].keys() == {"summary", "action", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/on-call.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
    pages = " ".join(rule["annotations"]["action"] for rule in RULES)
    assert all((ROOT / page).is_file() for page in re.findall(r"docs/\w+\.md", pages))


def test_what_compose_mounts_is_there():
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            made = source == "./keys.json"  # by whoever deploys it
            assert made or ((DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"])


def test_daylight_and_nginx_share_a_socket_and_a_group():
    daylight, nginx = COMPOSE["services"]["daylight"], COMPOSE["services"]["nginx"]
    config = (DEPLOY / "nginx.conf").read_text()
    assert f"server {daylight['environment']['BIND']};" in config
    assert daylight["environment"].keys() <= {variable(each) for each in fields(Settings)}
    assert nginx["user"] == f"{UID}:{UID}"
    assert f"uid={UID},gid={UID}" in COMPOSE["volumes"]["socket"]["driver_opts"]["o"]
    assert daylight["healthcheck"]["test"][1] in [interpreter for _, _, interpreter in BASES.values()]
    (alias,) = nginx["networks"]["inside"]["aliases"]
    assert f"server_name {alias} " in config
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"] == [{"targets": [f"{alias}:80"]}]
