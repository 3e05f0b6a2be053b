"""The files that run the bot in containers agree with the Dockerfile, the settings and each other."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any, Final

import pytest
import yaml
from pages import ROOT
from wire.process import PATIENCE

from bot.app import SHUTDOWN_SECONDS
from bot.config import SECRETS, SETTINGS, Settings
from bot.config.secret_files import FILE_FIRST, RUN_SECRETS
from bot.store.location import location_of
from bot.videos.downloader import DISK_BYTES

Mapping = dict[str, Any]


def loaded(name: str) -> list[Mapping]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all((ROOT / name).read_text("utf-8")))


def of_kind(documents: list[Mapping], kind: str) -> Mapping:
    (found,) = (one for one in documents if one["kind"] == kind)
    return found


def run(*command: str | Path) -> str:
    """Run a command, which must succeed, and return what it says."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


CONFIG: Final = ("docker", "compose", "--file")
HAS_COMPOSE: Final = (
    which("docker") is not None
    and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
)
IMAGE: Final = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
"""The last stage, which becomes the image."""
REQUIRED: Final = set(SECRETS) - set(FILE_FIRST)
(COMPOSE,) = loaded("compose.yaml")
(COMPOSE_POSTGRES,) = loaded("compose.postgres.yaml")
SERVER: Final = COMPOSE_POSTGRES["services"]["postgres"]
PAIR: Final = [service for name, service in COMPOSE_POSTGRES["services"].items() if name != "postgres"]
BOTS: Final = [COMPOSE["services"]["bot"], *PAIR]
on_each_bot: Final = pytest.mark.parametrize("bot", BOTS, ids=lambda bot: str(bot["container_name"]))

ALONE: Final = loaded("deploy/kubernetes.yaml")
REPLICATED: Final = loaded("deploy/kubernetes-postgres.yaml")
STATEFUL_SET: Final = of_kind(ALONE, "StatefulSet")
DEPLOYMENT: Final = of_kind(REPLICATED, "Deployment")
on_each_pod: Final = pytest.mark.parametrize(
    ("name", "controller"),
    [("deploy/kubernetes.yaml", STATEFUL_SET), ("deploy/kubernetes-postgres.yaml", DEPLOYMENT)],
    ids=["SQLite", "PostgreSQL"],
)


def instruction(pattern: str) -> str:
    (found,) = re.findall(rf"(?m)^{pattern}$", IMAGE.replace("\\\n", " "))
    return str(found)


if HAS_COMPOSE:  # Debian has none, and where nothing may skip this test would; no engine has to run

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["compose.yaml", "compose.postgres.yaml"])
    def test_compose_accepts_every_field(name: str) -> None:
        run(*CONFIG, ROOT / name, "config", "--quiet")


@on_each_bot
def test_compose_takes_a_published_image_or_builds_one(bot: Mapping) -> None:
    assert bot["image"] == "${VEO_WATCH_BOT_IMAGE:-veo-watch-bot}"
    assert bot["build"] == "."


@on_each_bot
def test_compose_gives_a_bot_only_what_it_needs(bot: Mapping) -> None:
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert bot["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "memswap_limit", "pids_limit"} <= bot.keys()
    assert "deploy" not in bot, "older versions ignore its limits"


@on_each_bot
def test_compose_restarts_a_bot_checks_it_as_the_image_does_and_lets_it_finish(bot: Mapping) -> None:
    assert bot["restart"] in {"always", "unless-stopped"}, "whatever its exit code"
    assert float(bot["stop_grace_period"].removesuffix("s")) > SHUTDOWN_SECONDS
    check = bot["healthcheck"]
    options = instruction(r"HEALTHCHECK (.+?) +CMD .+")
    names = ("interval", "timeout", "start_period", "retries")
    assert options == " ".join(f"--{name.replace('_', '-')}={check[name]}" for name in names)
    assert check["test"] == ["CMD", *re.findall(r'"(.+?)"', instruction(r"HEALTHCHECK .+CMD (.+)"))]


def test_compose_keeps_the_data_of_a_single_bot() -> None:
    (bot,) = COMPOSE["services"].values()
    assert set(bot["secrets"]) == set(COMPOSE["secrets"]) == REQUIRED
    assert bot["volumes"] == [f"data:{instruction('VOLUME (.+)')}"]


def test_compose_runs_two_bots_that_differ_in_their_names_alone() -> None:
    names = ("container_name", "hostname")
    first, second = ({key: bot[key] for key in bot if key not in names} for bot in PAIR)
    assert first == second
    assert all(len({bot[name] for bot in PAIR}) == len(PAIR) for name in names)


def test_compose_connects_both_bots_to_its_postgresql() -> None:
    bot = PAIR[0]
    assert set(bot["secrets"]) == set(SECRETS), "the database's URL has its password"
    assert set(COMPOSE_POSTGRES["secrets"]) == {*SECRETS, *SERVER["secrets"]}
    assert bot["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert bot["environment"]["TMPDIR"] in bot["volumes"] == [instruction("VOLUME (.+)")]
    (password,) = SERVER["secrets"]
    assert SERVER["environment"]["POSTGRES_PASSWORD_FILE"] == str(RUN_SECRETS / password)
    (command,) = re.findall(r"printf '(postgresql://.+?)'", (ROOT / "docs/scaling.md").read_text("utf-8"))
    url = location_of(command % "secret")
    assert not isinstance(url, Path)
    user = SERVER["environment"]["POSTGRES_USER"]
    assert (url.host, url.username, url.database) == ("postgres", user, user), "the image's default"


def test_compose_shuts_postgresql_off_and_lets_it_finish() -> None:
    assert SERVER["read_only"] is True
    assert SERVER["cap_drop"] == ["ALL"]
    assert SERVER["user"] == "postgres", "root would need capabilities"
    assert SERVER["restart"] == "always"
    assert "ports" not in SERVER
    assert "--host=127.0.0.1" in SERVER["healthcheck"]["test"], "the set-up answers on the socket"
    assert float(SERVER["stop_grace_period"].removesuffix("s")) > float(
        PAIR[0]["stop_grace_period"].removesuffix("s")
    )


def test_the_pod_on_sqlite_is_the_only_one_and_can_be_replaced_by_a_repaired_one() -> None:
    assert STATEFUL_SET["spec"]["replicas"] == 1
    assert STATEFUL_SET["spec"]["podManagementPolicy"] == "Parallel"
    (claim,) = STATEFUL_SET["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    (container,) = STATEFUL_SET["spec"]["template"]["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts[claim["metadata"]["name"]] == instruction("VOLUME (.+)")
    assert of_kind(ALONE, "Service")["metadata"]["name"] == STATEFUL_SET["spec"]["serviceName"]


def test_of_the_pods_on_postgresql_one_always_stays() -> None:
    spec = DEPLOYMENT["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] < spec["replicas"]
    budget = of_kind(REPLICATED, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] < spec["replicas"]
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow", "else a silent task API blocks every drain"
    pod = spec["template"]["spec"]
    (spread,) = pod["topologySpreadConstraints"]
    labels = spec["template"]["metadata"]["labels"]
    assert labels == spread["labelSelector"]["matchLabels"] == budget["selector"]["matchLabels"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway", "else an update is stuck on two nodes"
    tmp = next(volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "tmp")
    assert int(tmp["sizeLimit"].removesuffix("Gi")) * 2**30 > DISK_BYTES, "a pod that uses more is evicted"


@on_each_pod
def test_a_pod_runs_as_the_images_user_with_its_secrets(name: str, controller: Mapping) -> None:
    pod = controller["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    uid, gid = map(int, instruction("USER (.+)").split(":"))
    security = pod["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (uid, gid, gid)
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["secrets"] == str(RUN_SECRETS)
    assert pod["automountServiceAccountToken"] is False, "it would be mounted below the same folder"
    secrets = next(volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets")
    assert secrets["defaultMode"] == 0o440, "the group may read them, YAML of any version says so"
    created = re.findall(r"--from-file=(\w+)", (ROOT / name).read_text("utf-8"))
    assert set(created) == (set(SECRETS) if controller is DEPLOYMENT else REQUIRED)


@on_each_pod
def test_the_probes_reach_what_the_bot_serves(name: str, controller: Mapping) -> None:
    pod = controller["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = {entry["name"].lower(): entry["value"] for entry in container["env"]}
    assert settings.keys() <= set(SETTINGS)
    assert settings["http_host"] == "0.0.0.0"  # the probes come from outside of the pod
    (port,) = container["ports"]
    assert port["containerPort"] == Settings.http_port
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert pod["terminationGracePeriodSeconds"] > SHUTDOWN_SECONDS
    service = of_kind(loaded(name), "Service")["spec"]
    assert service["selector"] == controller["spec"]["selector"]["matchLabels"]
    assert service["publishNotReadyAddresses"] is True


@pytest.mark.slow
@on_each_pod
@pytest.mark.parametrize("version", ["1.29.0", "1.37.0"])
def test_kubernetes_accepts_every_field(version: str, name: str, controller: Mapping) -> None:
    validate = Path(sys.executable).with_name("kubernetes-validate")
    said = run(validate, "--strict", "--kubernetes-version", version, ROOT / name)
    assert controller["kind"].lower() in said
