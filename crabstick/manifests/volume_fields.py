"""Which fields the volumes of a Pod have, of every kind that Kubernetes ever had.

Source: the core API of Kubernetes 1.34 as KubeRay 1.7.0 takes it over.
"""

from typing import Final

__all__ = ["VOLUMES"]

VOLUMES: Final = """
Volume: name!, emptyDir: EmptyDir, configMap: ConfigMapVolume, secret: SecretVolume,
    persistentVolumeClaim: ClaimVolume, projected: ProjectedVolume, ephemeral: EphemeralVolume,
    downwardAPI: DownwardVolume, hostPath: HostPath, csi: CsiVolume, image: ImageVolume,
    nfs: NfsVolume, awsElasticBlockStore: AwsDisk, gcePersistentDisk: GceDisk,
    azureDisk: AzureDisk, azureFile: AzureFile, cephfs: CephFs, cinder: CinderVolume,
    fc: FibreChannel, flexVolume: FlexVolume, flocker: Flocker, gitRepo: GitRepo,
    glusterfs: GlusterFs, iscsi: Iscsi, photonPersistentDisk: PhotonDisk,
    portworxVolume: Portworx, quobyte: Quobyte, rbd: Rbd, scaleIO: ScaleIo, storageos: StorageOs,
    vsphereVolume: VsphereDisk
EmptyDir: medium, sizeLimit: amount
ConfigMapVolume: name, items: [KeyToPath], defaultMode: number, optional: flag
SecretVolume: secretName, items: [KeyToPath], defaultMode: number, optional: flag
KeyToPath: key!, path!, mode: number
ClaimVolume: claimName!, readOnly: flag
ProjectedVolume: sources: [ProjectedSource], defaultMode: number
ProjectedSource: secret: ProjectedKeys, configMap: ProjectedKeys, downwardAPI: ProjectedDownward,
    serviceAccountToken: AccountToken, clusterTrustBundle: TrustBundle,
    podCertificate: PodCertificate
ProjectedKeys: name, items: [KeyToPath], optional: flag
ProjectedDownward: items: [DownwardItem]
AccountToken: path!, audience, expirationSeconds: number
TrustBundle: path!, name, signerName, labelSelector: LabelSelector, optional: flag
PodCertificate: keyType!, signerName!, keyPath, certificateChainPath, credentialBundlePath,
    maxExpirationSeconds: number, userAnnotations: {text}
DownwardVolume: items: [DownwardItem], defaultMode: number
DownwardItem: path!, fieldRef: FieldReference, resourceFieldRef: ResourceFieldReference,
    mode: number
EphemeralVolume: volumeClaimTemplate: ClaimTemplate
ClaimTemplate: metadata: TemplateMeta, spec!: ClaimSpec
ClaimSpec: accessModes: [text], resources: ClaimResources, storageClassName, volumeMode,
    volumeName, volumeAttributesClassName, selector: LabelSelector, dataSource: DataSource,
    dataSourceRef: DataSourceReference
ClaimResources: limits: {amount}, requests: {amount}
DataSource: kind!, name!, apiGroup
DataSourceReference: kind!, name!, apiGroup, namespace
HostPath: path!, type
CsiVolume: driver!, fsType, readOnly: flag, volumeAttributes: {text},
    nodePublishSecretRef: NameReference
ImageVolume: reference, pullPolicy
NfsVolume: server!, path!, readOnly: flag
AwsDisk: volumeID!, fsType, partition: number, readOnly: flag
GceDisk: pdName!, fsType, partition: number, readOnly: flag
AzureDisk: diskName!, diskURI!, cachingMode, fsType, kind, readOnly: flag
AzureFile: secretName!, shareName!, readOnly: flag
CephFs: monitors!: [text], path, user, secretFile, secretRef: NameReference, readOnly: flag
CinderVolume: volumeID!, fsType, secretRef: NameReference, readOnly: flag
FibreChannel: targetWWNs: [text], wwids: [text], lun: number, fsType, readOnly: flag
FlexVolume: driver!, fsType, options: {text}, secretRef: NameReference, readOnly: flag
Flocker: datasetName, datasetUUID
GitRepo: repository!, revision, directory
GlusterFs: endpoints!, path!, readOnly: flag
Iscsi: targetPortal!, iqn!, lun!: number, portals: [text], fsType, iscsiInterface, initiatorName,
    chapAuthDiscovery: flag, chapAuthSession: flag, secretRef: NameReference, readOnly: flag
PhotonDisk: pdID!, fsType
Portworx: volumeID!, fsType, readOnly: flag
Quobyte: registry!, volume!, group, user, tenant, readOnly: flag
Rbd: monitors!: [text], image!, pool, user, keyring, fsType, secretRef: NameReference,
    readOnly: flag
ScaleIo: gateway!, system!, secretRef!: NameReference, protectionDomain, storagePool, storageMode,
    volumeName, fsType, sslEnabled: flag, readOnly: flag
StorageOs: volumeName, volumeNamespace, fsType, secretRef: NameReference, readOnly: flag
VsphereDisk: volumePath!, fsType, storagePolicyID, storagePolicyName
"""
