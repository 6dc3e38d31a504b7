"""What the rules look at in Pods; everything else is left out.

The values fit their shapes already (`reading` saw to it), so nothing is refused here.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Container",
    "EnvFrom",
    "Files",
    "KeyReference",
    "Mount",
    "PodSecurity",
    "PodSpec",
    "PodTemplate",
    "ProjectedSource",
    "Reference",
    "Security",
    "ValueFrom",
    "Variable",
    "View",
    "Volume",
]


class View(BaseModel):
    """The fields that somebody looks at, under Python's names."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class Reference(View):
    """An object as a whole."""

    name: str = ""
    optional: bool = False


class KeyReference(Reference):
    """One key of a Secret or a ConfigMap."""

    key: str = ""


class ValueFrom(View):
    """Where a value comes from, if it is not written down."""

    secret_key_ref: KeyReference | None = None
    config_map_key_ref: KeyReference | None = None


class Variable(View):
    """An environment variable of a container; `value` is None when it comes from elsewhere."""

    name: str = ""
    value: str | None = None
    value_from: ValueFrom | None = None


class EnvFrom(View):
    """Variables by the dozen."""

    secret_ref: Reference | None = None
    config_map_ref: Reference | None = None
    prefix: str = ""


class Mount(View):
    """A volume's place in a container."""

    name: str = ""
    mount_path: str = ""
    read_only: bool = False


class Port(View):
    """A port of a container."""

    name: str = ""
    container_port: int = 0
    host_port: int = 0


class HttpGet(View):
    """Whom a probe asks over HTTP; without a host it is the Pod itself."""

    path: str = ""
    port: str = ""
    host: str = ""


class Probe(View):
    """How Kubernetes looks whether a container is well."""

    http_get: HttpGet | None = None


class Capabilities(View):
    """What root could do, one by one."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Profile(View):
    """Which calls of the kernel are allowed."""

    type: str = ""


class PodSecurity(View):
    """As whom all containers run; None is what their images say."""

    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    seccomp_profile: Profile | None = None


class Security(PodSecurity):
    """As whom one container runs, and what it may do; None is what its Pod says."""

    privileged: bool = False
    allow_privilege_escalation: bool = True
    read_only_root_filesystem: bool = False
    capabilities: Capabilities = Capabilities()


class Resources(View):
    """What a container asks for and may use."""

    limits: Mapping[str, str] = Field(default_factory=dict)
    requests: Mapping[str, str] = Field(default_factory=dict)

    def amount(self, name: str) -> str | None:
        """The limit, else the request."""
        return self.limits.get(name) or self.requests.get(name)


class Container(View):
    """A container of a Pod."""

    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    ports: tuple[Port, ...] = ()
    resources: Resources = Resources()
    volume_mounts: tuple[Mount, ...] = ()
    security_context: Security = Security()
    startup_probe: Probe = Probe()
    readiness_probe: Probe = Probe()
    liveness_probe: Probe = Probe()

    def variable(self, name: str) -> Variable | None:
        """The last one of that name, as Kubernetes takes it."""
        return next((each for each in reversed(self.env) if each.name == name), None)


class KeyToPath(View):
    """A key that becomes a file."""

    key: str = ""
    path: str = ""


class Files(View):
    """A Secret or ConfigMap as files; a volume of its own calls the first secretName."""

    secret_name: str = ""
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that must be there; one without a name stands for whatever there is."""
        return () if self.optional else tuple(item.key for item in self.items) or ("",)


class ProjectedSource(View):
    """Files from one place."""

    secret: Files | None = None
    config_map: Files | None = None


class Projected(View):
    """A volume of several sources."""

    sources: tuple[ProjectedSource, ...] = ()


class Volume(ProjectedSource):
    """A volume of a Pod: one source, or several."""

    name: str = ""
    projected: Projected | None = None
    host_path: object = None


class PodSpec(View):
    """What runs in a Pod, and how it ends."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    image_pull_secrets: tuple[Reference, ...] = ()
    restart_policy: str | None = None
    host_network: bool = False
    host_pid: bool = Field(default=False, alias="hostPID")
    host_ipc: bool = Field(default=False, alias="hostIPC")
    security_context: PodSecurity = PodSecurity()
    termination_grace_period_seconds: int = 30


class TemplateMeta(View):
    """How Pods are labelled."""

    labels: Mapping[str, str] = Field(default_factory=dict)


class PodTemplate(View):
    """What Pods are made of."""

    metadata: TemplateMeta = TemplateMeta()
    spec: PodSpec = PodSpec()
