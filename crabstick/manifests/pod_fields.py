"""Which fields a Pod template has; volumes are a table of their own.

Source: the core API of Kubernetes 1.34 as KubeRay 1.7.0 takes it over.
"""

from typing import Final

__all__ = ["POD"]

POD: Final = """
PodTemplate: metadata: TemplateMeta, spec: PodSpec
TemplateMeta: name, namespace, labels: {text}, annotations: {text}, finalizers: [text],
    creationTimestamp
PodSpec: containers: [Container], initContainers: [Container],
    ephemeralContainers: anything, volumes: [Volume], restartPolicy,
    terminationGracePeriodSeconds: number, activeDeadlineSeconds: number, dnsPolicy,
    dnsConfig: DnsConfig, nodeSelector: {text}, nodeName, serviceAccountName, serviceAccount,
    automountServiceAccountToken: flag, hostNetwork: flag, hostPID: flag, hostIPC: flag,
    hostUsers: flag, shareProcessNamespace: flag, securityContext: PodSecurityContext,
    imagePullSecrets: [NameReference], hostname, hostnameOverride, subdomain, affinity: Affinity,
    schedulerName, tolerations: [Toleration], hostAliases: [HostAlias], priorityClassName,
    priority: number, preemptionPolicy, readinessGates: [ReadinessGate], runtimeClassName,
    enableServiceLinks: flag, overhead: {amount}, setHostnameAsFQDN: flag, os: Named,
    topologySpreadConstraints: [TopologySpread], schedulingGates: [Named],
    schedulingGroup: SchedulingGroup, resourceClaims: [PodResourceClaim],
    resources: ResourceRequirements
Container: name!, image, imagePullPolicy: Always|IfNotPresent|Never, command: [text],
    args: [text], workingDir, ports: [ContainerPort], env: [EnvVar], envFrom: [EnvFromSource],
    resources: ResourceRequirements, resizePolicy: [ResizePolicy], restartPolicy,
    restartPolicyRules: [RestartRule], volumeMounts: [VolumeMount],
    volumeDevices: [VolumeDevice], livenessProbe: Probe, readinessProbe: Probe,
    startupProbe: Probe, lifecycle: Lifecycle, terminationMessagePath, terminationMessagePolicy,
    securityContext: SecurityContext, stdin: flag, stdinOnce: flag, tty: flag
ContainerPort: containerPort!: portnumber, name, protocol: TCP|UDP|SCTP, hostPort: number,
    hostIP
EnvVar: name!, value, valueFrom: EnvVarSource
EnvVarSource: secretKeyRef: KeyReference, configMapKeyRef: KeyReference, fieldRef: FieldReference,
    resourceFieldRef: ResourceFieldReference, fileKeyRef: FileKeyReference
KeyReference: name, key!, optional: flag
FieldReference: fieldPath!, apiVersion
ResourceFieldReference: resource!, containerName, divisor: amount
FileKeyReference: key!, path!, volumeName!, optional: flag
EnvFromSource: prefix, secretRef: OptionalReference, configMapRef: OptionalReference
OptionalReference: name, optional: flag
NameReference: name
Named: name!
ResourceRequirements: limits: {amount}, requests: {amount}, claims: [ResourceClaim]
ResourceClaim: name!, request
PodResourceClaim: name!, resourceClaimName, resourceClaimTemplateName
ResizePolicy: resourceName!, restartPolicy!
RestartRule: action!, exitCodes: ExitCodes
ExitCodes: operator!, values: [number]
VolumeMount: name!, mountPath!, readOnly: flag, recursiveReadOnly, subPath, subPathExpr,
    mountPropagation
VolumeDevice: name!, devicePath!
Probe: httpGet: HttpGet, exec: Exec, tcpSocket: TcpSocket, grpc: Grpc,
    initialDelaySeconds: number, periodSeconds: number, timeoutSeconds: number,
    successThreshold: number, failureThreshold: number, terminationGracePeriodSeconds: number
HttpGet: port!: port, path, host, scheme, httpHeaders: [NameAndValue]
NameAndValue: name!, value!
Exec: command: [text]
TcpSocket: port!: port, host
Grpc: port!: number, service
Lifecycle: preStop: LifecycleHook, postStart: LifecycleHook, stopSignal
LifecycleHook: exec: Exec, httpGet: HttpGet, tcpSocket: TcpSocket, sleep: Sleep
Sleep: seconds!: number
SecurityContext: allowPrivilegeEscalation: flag, privileged: flag, readOnlyRootFilesystem: flag,
    runAsNonRoot: flag, runAsUser: number, runAsGroup: number, capabilities: Capabilities,
    procMount, seccompProfile: Profile, appArmorProfile: Profile, seLinuxOptions: SeLinux,
    windowsOptions: WindowsOptions
PodSecurityContext: runAsNonRoot: flag, runAsUser: number, runAsGroup: number, fsGroup: number,
    fsGroupChangePolicy, supplementalGroups: [number], supplementalGroupsPolicy,
    sysctls: [NameAndValue], seccompProfile: Profile, appArmorProfile: Profile,
    seLinuxOptions: SeLinux, seLinuxChangePolicy, windowsOptions: WindowsOptions
Capabilities: add: [text], drop: [text]
Profile: type!, localhostProfile
SeLinux: level, role, type, user
WindowsOptions: gmsaCredentialSpec, gmsaCredentialSpecName, hostProcess: flag, runAsUserName
DnsConfig: nameservers: [text], searches: [text], options: [DnsOption]
DnsOption: name, value
HostAlias: ip!, hostnames: [text]
ReadinessGate: conditionType!
SchedulingGroup: podGroupName
Toleration: key, operator, value, effect, tolerationSeconds: number
TopologySpread: maxSkew!: number, topologyKey!, whenUnsatisfiable!, labelSelector: LabelSelector,
    matchLabelKeys: [text], minDomains: number, nodeAffinityPolicy, nodeTaintsPolicy
Affinity: nodeAffinity: NodeAffinity, podAffinity: PodAffinity, podAntiAffinity: PodAffinity
NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution: NodeSelector,
    preferredDuringSchedulingIgnoredDuringExecution: [PreferredNodes]
NodeSelector: nodeSelectorTerms!: [NodeTerm]
NodeTerm: matchExpressions: [Requirement], matchFields: [Requirement]
PreferredNodes: weight!: number, preference!: NodeTerm
PodAffinity: requiredDuringSchedulingIgnoredDuringExecution: [PodTerm],
    preferredDuringSchedulingIgnoredDuringExecution: [PreferredPods]
PodTerm: topologyKey!, labelSelector: LabelSelector, namespaceSelector: LabelSelector,
    namespaces: [text], matchLabelKeys: [text], mismatchLabelKeys: [text]
PreferredPods: weight!: number, podAffinityTerm!: PodTerm
LabelSelector: matchLabels: {text}, matchExpressions: [Requirement]
Requirement: key!, operator!, values: [text]
"""
