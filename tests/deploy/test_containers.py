"""The files that run the bot in a container agree with the Dockerfile, the settings and each other."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pages import ROOT
from wire.process import PATIENCE

from bot.app import SHUTDOWN_SECONDS
from bot.config import SECRETS, SETTINGS, Settings
from bot.config.secret_files import FILE_FIRST, RUN_SECRETS

IMAGE: Final = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
"""The last stage, which becomes the image."""
COMPOSE: Final = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
BOT: Final = COMPOSE["services"]["bot"]
KUBERNETES: Final = ROOT / "deploy/kubernetes.yaml"
DOCUMENTS: Final[list[dict[str, Any]]] = list(yaml.safe_load_all(KUBERNETES.read_text("utf-8")))
STATEFUL_SET: Final = next(one for one in DOCUMENTS if one["kind"] == "StatefulSet")
SERVICE: Final = next(one for one in DOCUMENTS if one["kind"] == "Service")
POD: Final = STATEFUL_SET["spec"]["template"]["spec"]
REQUIRED: Final = set(SECRETS) - set(FILE_FIRST)
CONTAINER: Final = POD["containers"][0]


def instruction(pattern: str) -> str:
    (found,) = re.findall(rf"(?m)^{pattern}$", IMAGE.replace("\\\n", " "))
    return str(found)


def test_compose_takes_a_published_image_or_builds_one() -> None:
    assert BOT["image"] == "${VEO_WATCH_BOT_IMAGE:-veo-watch-bot}"
    assert BOT["build"] == "."


def test_compose_gives_the_bot_only_what_it_needs() -> None:
    assert BOT["read_only"] is True
    assert BOT["cap_drop"] == ["ALL"]
    assert BOT["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "memswap_limit", "pids_limit"} <= BOT.keys()
    assert "deploy" not in BOT, "older versions ignore its limits"
    assert set(BOT["secrets"]) == set(COMPOSE["secrets"]) == REQUIRED
    assert BOT["volumes"] == [f"data:{instruction('VOLUME (.+)')}"]


def test_compose_restarts_the_bot_checks_it_as_the_image_does_and_lets_it_finish() -> None:
    assert BOT["restart"] == "unless-stopped"
    assert float(BOT["stop_grace_period"].removesuffix("s")) > SHUTDOWN_SECONDS
    check = BOT["healthcheck"]
    options = instruction(r"HEALTHCHECK (.+?) +CMD .+")
    names = ("interval", "timeout", "start_period", "retries")
    assert options == " ".join(f"--{name.replace('_', '-')}={check[name]}" for name in names)
    assert check["test"] == ["CMD", *re.findall(r'"(.+?)"', instruction(r"HEALTHCHECK .+CMD (.+)"))]


def test_the_pod_is_the_only_one_and_can_be_replaced_by_a_repaired_one() -> None:
    assert STATEFUL_SET["spec"]["replicas"] == 1
    assert STATEFUL_SET["spec"]["podManagementPolicy"] == "Parallel"
    (claim,) = STATEFUL_SET["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_the_pod_runs_as_the_images_user_with_its_data_and_its_secrets() -> None:
    uid, gid = map(int, instruction("USER (.+)").split(":"))
    security = POD["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (uid, gid, gid)
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    (claim,) = STATEFUL_SET["spec"]["volumeClaimTemplates"]
    assert mounts[claim["metadata"]["name"]] == instruction("VOLUME (.+)")
    assert mounts["secrets"] == str(RUN_SECRETS)
    assert POD["automountServiceAccountToken"] is False, "it would be mounted below the same folder"
    secrets = next(volume["secret"] for volume in POD["volumes"] if volume["name"] == "secrets")
    assert secrets["defaultMode"] == 0o440, "the group may read them, YAML of any version says so"
    created = re.findall(r"--from-file=(\w+)", KUBERNETES.read_text("utf-8"))
    assert set(created) == REQUIRED


def test_the_probes_reach_what_the_bot_serves() -> None:
    settings = {entry["name"].lower(): entry["value"] for entry in CONTAINER["env"]}
    assert settings.keys() <= set(SETTINGS)
    assert settings["http_host"] == "0.0.0.0"  # the probes come from outside of the pod
    (port,) = CONTAINER["ports"]
    assert port["containerPort"] == Settings.http_port
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert POD["terminationGracePeriodSeconds"] > SHUTDOWN_SECONDS
    assert SERVICE["spec"]["selector"] == STATEFUL_SET["spec"]["selector"]["matchLabels"]
    assert SERVICE["metadata"]["name"] == STATEFUL_SET["spec"]["serviceName"]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.29.0", "1.37.0"])
def test_kubernetes_accepts_every_field(version: str) -> None:
    validate = Path(sys.executable).with_name("kubernetes-validate")
    run = subprocess.run(
        [validate, "--strict", "--kubernetes-version", version, KUBERNETES],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
