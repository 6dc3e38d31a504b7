"""Which fields KubeRay 1.7 knows in a RayCluster, and Kubernetes in the objects beside it.

Source: the CustomResourceDefinition `rayclusters.ray.io` of KubeRay 1.7.0, and `ray start` of Ray
2.60 for its parameters; tests compare. What KubeRay requires and also fills in by itself
(minReplicas, maxReplicas) is not required here. The other objects are those of Kubernetes 1.34.
"""

from collections.abc import Mapping
from typing import Final

from crabstick.manifests.pod_fields import POD
from crabstick.manifests.shapes import Kind, Part, read_tables
from crabstick.manifests.volume_fields import VOLUMES

__all__ = ["KUBERAY", "LABEL_SELECTOR", "OBJECTS", "RAY_CLUSTER", "START_PARAMETERS"]

KUBERAY: Final = "KubeRay 1.7"

_CLUSTER = """
RayCluster: apiVersion!, kind!, metadata!: ObjectMeta, spec!: RayClusterSpec, status: anything
ObjectMeta: name, generateName, namespace, labels: {text}, annotations: {text}, finalizers: [text],
    uid, resourceVersion, generation: number, creationTimestamp, deletionTimestamp, selfLink,
    deletionGracePeriodSeconds: number, ownerReferences: anything, managedFields: anything
RayClusterSpec: rayVersion, headGroupSpec!: HeadGroup, workerGroupSpecs: [WorkerGroup],
    enableInTreeAutoscaling: flag, autoscalerOptions: AutoscalerOptions, authOptions: AuthOptions,
    gcsFaultToleranceOptions: FaultTolerance, headServiceAnnotations: {text}, managedBy,
    suspend: flag, upgradeStrategy: UpgradeStrategy, networkPolicy: ClusterNetworkPolicy,
    tlsOptions: TlsOptions, historyServerOptions: HistoryServer
HeadGroup: rayStartParams: StartParameters, resources: {text}, labels: {text},
    template!: PodTemplate, serviceType, headService: HeadService, enableIngress: flag,
    ingressOptions: Ingress
WorkerGroup: groupName!, replicas: number, minReplicas: number, maxReplicas: number,
    numOfHosts: number, priority: number, idleTimeoutSeconds: number, suspend: flag,
    scaleStrategy: ScaleStrategy, rayStartParams: StartParameters, resources: {text},
    labels: {text}, template!: PodTemplate
StartParameters: address, autoscaling-config, block, cgroup-path, dashboard-agent-grpc-port,
    dashboard-agent-listen-port, dashboard-host, dashboard-port, disable-usage-stats,
    enable-object-reconstruction, enable-resource-isolation, head, include-dashboard,
    include-log-monitor, labels, labels-file, log-color, log-style, max-worker-port, memory,
    metrics-export-port, min-worker-port, no-monitor, no-redirect-output, node-ip-address,
    node-manager-port, node-name, num-cpus, num-gpus, object-manager-port,
    object-spilling-directory, object-store-memory, plasma-directory, port, proxy-server-url,
    ray-client-server-port, ray-debugger-external, redis-password, redis-shard-ports,
    redis-username, resources, runtime-env-agent-port, system-config, system-reserved-cpu,
    system-reserved-memory, temp-dir, tracing-startup-hook, verbose, worker-port-list
ScaleStrategy: workersToDelete: [text]
AutoscalerOptions: version: v1|v2, idleTimeoutSeconds: number, image,
    imagePullPolicy: Always|IfNotPresent|Never,
    upscalingMode: Default|Aggressive|Conservative, command: [text], args: [text], env: [EnvVar],
    envFrom: [EnvFromSource], resources: ResourceRequirements, securityContext: SecurityContext,
    volumeMounts: [VolumeMount]
AuthOptions: mode: disabled|token, secretName, enableK8sTokenAuth: flag
FaultTolerance: backend: redis|rocksdb, redisAddress, redisUsername: Credential,
    redisPassword: Credential, externalStorageNamespace, storage: GcsStorage
Credential: value, valueFrom: EnvVarSource
GcsStorage: size: amount, storageClassName, accessModes: [text], claimName, subPath,
    deletionPolicy: DeleteWithCluster|Retain
UpgradeStrategy: type: Recreate|None
TlsOptions: enabled: flag
HistoryServer: collectorOptions: Collector
Collector: image, imagePullPolicy: Always|IfNotPresent|Never, env: [EnvVar],
    resources: ResourceRequirements
Ingress: host, path, pathType: Exact|Prefix|ImplementationSpecific, tls: [IngressTls]
IngressTls: hosts: [text], secretName
ClusterNetworkPolicy: mode: DenyAll|DenyAllIngress|DenyAllEgress, head: NetworkRules,
    worker: NetworkRules, workerGroups: [GroupNetworkRules]
NetworkRules: ingressRules: [IngressRule], egressRules: [EgressRule]
GroupNetworkRules: groupName!, ingressRules: [IngressRule], egressRules: [EgressRule]
IngressRule: from: [NetworkPeer], ports: [NetworkPort]
EgressRule: to: [NetworkPeer], ports: [NetworkPort]
NetworkPeer: podSelector: LabelSelector, namespaceSelector: LabelSelector, ipBlock: IpBlock
NetworkPort: port: port, endPort: number, protocol: TCP|UDP|SCTP
IpBlock: cidr!, except: [text]
HeadService: apiVersion, kind, metadata: TemplateMeta, spec: ServiceSpec, status: anything
ServiceSpec: type, selector: {text}, ports: [ServicePort], clusterIP, clusterIPs: [text],
    externalIPs: [text], externalName, externalTrafficPolicy, internalTrafficPolicy,
    healthCheckNodePort: number, ipFamilies: [text], ipFamilyPolicy, loadBalancerIP,
    loadBalancerClass, loadBalancerSourceRanges: [text], allocateLoadBalancerNodePorts: flag,
    publishNotReadyAddresses: flag, sessionAffinity, sessionAffinityConfig: SessionAffinity,
    trafficDistribution
ServicePort: name, port!: portnumber, targetPort: port, nodePort: portnumber,
    protocol: TCP|UDP|SCTP, appProtocol
SessionAffinity: clientIP: ClientIp
ClientIp: timeoutSeconds: number
"""
_OTHERS = """
CronJobSpec: schedule, timeZone, jobTemplate: JobTemplate, suspend: flag,
    concurrencyPolicy: Allow|Forbid|Replace, startingDeadlineSeconds: number,
    successfulJobsHistoryLimit: number, failedJobsHistoryLimit: number
DaemonSetSpec: selector: LabelSelector, template: PodTemplate, updateStrategy: anything,
    minReadySeconds: number, revisionHistoryLimit: number
DeploymentSpec: replicas: number, selector: LabelSelector, template: PodTemplate,
    strategy: anything, minReadySeconds: number, revisionHistoryLimit: number, paused: flag,
    progressDeadlineSeconds: number
JobSpec: parallelism: number, completions: number, completionMode, activeDeadlineSeconds: number,
    backoffLimit: number, backoffLimitPerIndex: number, maxFailedIndexes: number,
    podFailurePolicy: anything, podReplacementPolicy, successPolicy: anything, suspend: flag,
    selector: LabelSelector, manualSelector: flag, managedBy, template: PodTemplate,
    ttlSecondsAfterFinished: number
JobTemplate: metadata: TemplateMeta, spec: JobSpec
NetworkPolicySpec: podSelector: LabelSelector, policyTypes: [Ingress|Egress],
    ingress: [IngressRule], egress: [EgressRule]
PodDisruptionBudgetSpec: minAvailable: port, maxUnavailable: port, selector: LabelSelector,
    unhealthyPodEvictionPolicy: AlwaysAllow|IfHealthyBudget
ReplicaSetSpec: replicas: number, minReadySeconds: number, selector: LabelSelector,
    template: PodTemplate
StatefulSetSpec: replicas: number, selector: LabelSelector, template: PodTemplate, serviceName,
    volumeClaimTemplates: anything, updateStrategy: anything, minReadySeconds: number,
    podManagementPolicy: OrderedReady|Parallel, revisionHistoryLimit: number,
    persistentVolumeClaimRetentionPolicy: anything, ordinals: anything
"""
_KINDS = (
    *("CronJob", "DaemonSet", "Deployment", "Job", "NetworkPolicy", "Pod", "PodDisruptionBudget"),
    *("ReplicaSet", "Service", "StatefulSet"),
)
_OBJECTS = "\n".join(
    f"{kind}: apiVersion, kind, metadata: ObjectMeta, spec: {kind}Spec, status: anything"
    for kind in _KINDS
)

_PARTS = read_tables(_CLUSTER, POD, VOLUMES, _OTHERS, _OBJECTS)
RAY_CLUSTER: Final[Kind] = _PARTS["RayCluster"]
LABEL_SELECTOR: Final[Kind] = _PARTS["LabelSelector"]
START_PARAMETERS: Final[Part] = _PARTS["StartParameters"]
OBJECTS: Final[Mapping[str, Kind]] = {kind: _PARTS[kind] for kind in _KINDS}
"""Those of Kubernetes itself that are looked into, by their kinds."""
