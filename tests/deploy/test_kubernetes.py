"""deploy/kubernetes and deploy/kserve: by Kubernetes' own schemas, and by what the server really has."""

import re
from dataclasses import fields

import kubernetes_validate
import pytest
import yaml

from benchmarks.support.serving import ROOT
from service.cli.image_context import UID
from service.server.config import gunicorn_settings
from service.settings import Settings, variable
from service.web.access.policy import Scope
from service.web.routes import ROUTES

KUBERNETES = ROOT / "deploy" / "kubernetes"
KSERVE = ROOT / "deploy" / "kserve"
KEDA = ROOT / "deploy" / "kubernetes-keda"
VERSIONS = ("1.30", "1.37")  # the first whose preStop may sleep, and the newest that the schemas know
RESOURCES = sorted(path for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def pod():
    return read(KUBERNETES / "deployment.yaml")["spec"]["template"]


def containers():
    """{file: its container}: of the deployment, and of KServe's runtime."""
    return {
        "deployment": pod()["spec"]["containers"][0],
        "kserve": read(KSERVE / "serving-runtime.yaml")["spec"]["containers"][0],
    }


def probes():
    found = containers().items()
    return [
        (f"{file} {name}", each[name]["httpGet"]) for file, each in found for name in each if name.endswith("Probe")
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.name)
def test_each_resource_is_what_kubernetes_takes(path, version):
    kubernetes_validate.validate(read(path), version, strict=True)


def test_a_field_that_does_not_exist_is_found():
    wrong = read(KUBERNETES / "deployment.yaml")
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_the_container_of_kserves_runtime_is_what_a_pod_takes():
    runtime = read(KSERVE / "serving-runtime.yaml")["spec"]
    spec = {"containers": runtime["containers"], "volumes": runtime["volumes"]}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "made"}, "spec": spec}
    kubernetes_validate.validate(made, VERSIONS[-1], strict=True)


def test_the_kustomization_names_every_file():
    listed = read(KUBERNETES / "kustomization.yaml")
    assert sorted(listed["resources"]) == [path.name for path in RESOURCES]
    assert [each["name"] for each in listed["images"]] == [containers()["deployment"]["image"]]


def test_selectors_find_the_pods_and_references_their_targets():
    labels = pod()["metadata"]["labels"]
    for name, selector in (
        ("deployment", lambda spec: spec["selector"]["matchLabels"]),
        ("service", lambda spec: spec["selector"]),
        ("disruption-budget", lambda spec: spec["selector"]["matchLabels"]),
        ("network-policy", lambda spec: spec["podSelector"]["matchLabels"]),
    ):
        assert selector(read(KUBERNETES / f"{name}.yaml")["spec"]) == labels, name
    target = read(KUBERNETES / "autoscaler.yaml")["spec"]["scaleTargetRef"]
    deployment = read(KUBERNETES / "deployment.yaml")
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])
    claims = [
        each["persistentVolumeClaim"]["claimName"]
        for each in pod()["spec"]["volumes"]
        if "persistentVolumeClaim" in each
    ]
    assert claims == [read(KUBERNETES / "store.yaml")["metadata"]["name"]]


def test_keda_takes_the_place_of_the_autoscaler():
    """Two that scale one Deployment would fight."""
    scaled, replaced = read(KEDA / "scaled-object.yaml"), read(KUBERNETES / "autoscaler.yaml")
    together = read(KEDA / "kustomization.yaml")
    assert together["resources"] == ["../kubernetes", "scaled-object.yaml"]
    (patch,) = together["patches"]
    deleted = yaml.safe_load(patch["patch"])
    assert deleted.pop("$patch") == "delete"
    assert deleted == {key: replaced[key] for key in ("apiVersion", "kind", "metadata")}
    assert patch["target"] == {"kind": replaced["kind"], "name": replaced["metadata"]["name"]}
    assert scaled["spec"]["scaleTargetRef"]["name"] == replaced["spec"]["scaleTargetRef"]["name"]
    bounds = replaced["spec"]["minReplicas"], replaced["spec"]["maxReplicas"]
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == bounds


@pytest.mark.parametrize(("which", "get"), probes())
def test_probes_ask_routes_that_are_open_to_everybody(which, get):
    (route,) = [route for route in ROUTES if (route.method, route.label) == ("GET", get["path"])]
    assert route.scope is Scope.OPEN, "a kubelet has no key"


@pytest.mark.parametrize("which", ["deployment", "kserve"])
def test_the_environment_holds_settings_alone(which):
    known = {variable(each) for each in fields(Settings)}
    assert {each["name"] for each in containers()[which]["env"]} <= known
    # A Service called `daylight` would give its pods DAYLIGHT_PORT and more, and the server refuses unknown settings.
    assert pod()["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("which", ["deployment", "kserve"])
def test_pods_meet_the_restricted_standard(which):
    security = containers()[which]["securityContext"]
    general = pod()["spec"]["securityContext"] if which == "deployment" else security
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert general["runAsNonRoot"] is True
    assert general["runAsUser"] == UID
    assert general["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_grace_of_a_pod_covers_the_preparation_and_the_drain():
    graceful = gunicorn_settings()["graceful_timeout"]
    asleep = {name: each["lifecycle"]["preStop"]["sleep"]["seconds"] for name, each in containers().items()}
    service = read(KSERVE / "inference-service.yaml")["spec"]["predictor"]
    graces = {
        "deployment": pod()["spec"]["terminationGracePeriodSeconds"],
        "kserve": service["terminationGracePeriodSeconds"],
    }
    for which, grace in graces.items():
        assert grace > asleep[which] + graceful
        ready = containers()[which]["readinessProbe"]
        assert asleep[which] >= ready["periodSeconds"]


def test_kserves_service_asks_for_what_its_runtime_offers():
    runtime, service = (read(KSERVE / f"{name}.yaml") for name in ("serving-runtime", "inference-service"))
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] in [each["name"] for each in runtime["spec"]["supportedModelFormats"]]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    environment = {each["name"]: each["value"] for each in containers()["kserve"]["env"]}
    assert environment["DAYLIGHT_STORE"] == "/mnt/models"
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", service["metadata"]["name"])
