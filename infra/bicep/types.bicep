@export()
@description('Names and values of the tags on every resource.')
type tagsType = { *: string }

@export()
@description('Somebody who gets rights. The type spares Azure a look-up that fails for an identity that was just created.')
type principalType = {
  @description('The object id in Microsoft Entra ID.')
  @minLength(36)
  @maxLength(36)
  id: string

  type: 'Group' | 'ServicePrincipal' | 'User'
}

@export()
@description('Which Business Central the app writes to.')
type businessCentralType = {
  @description('The tenant of Business Central (BC_TENANT_ID).')
  @minLength(36)
  @maxLength(36)
  tenantId: string

  @description('The environment (BC_ENVIRONMENT).')
  @minLength(1)
  environment: string

  @description('Id, name or display name of the company for paths that name none (BC_COMPANY).')
  @minLength(1)
  company: string

  @description('The version of the API (BC_API_VERSION): v1.0 up to BC 27, v2.0 from BC 28 on.')
  apiVersion: 'v1.0' | 'v2.0'

  @description('Another address than that of BC online (BC_BASE_URL).')
  baseUrl: string?

  @description('For a BC in another tenant: the app registration there that trusts the identity (BC_CLIENT_ID).')
  @minLength(36)
  @maxLength(36)
  clientId: string?
}

@export()
@description('What the app does with pictures. What is not given has the app\'s default.')
type picturesType = {
  @description('How a path names an item (BLOB_PATH_TEMPLATE).')
  @minLength(1)
  pathTemplate: string?

  @description('Largest side in pixels (PICTURE_MAX_SIDE).')
  @minValue(64)
  @maxValue(8192)
  maxSide: int?

  @description('Largest size in bytes (PICTURE_MAX_BYTES).')
  @minValue(4096)
  @maxValue(50000000)
  maxBytes: int?

  @description('JPEG quality to start with (PICTURE_QUALITY).')
  @minValue(40)
  @maxValue(95)
  quality: int?

  @description('Keep the shape of the source, or pad it to a square (PICTURE_FIT).')
  fit: ('inside' | 'pad')?

  @description('The colour behind transparent parts, #RRGGBB (PICTURE_BACKGROUND).')
  @minLength(7)
  @maxLength(7)
  background: string?

  @description('Larger sources are refused, in bytes (SOURCE_MAX_BYTES).')
  @minValue(1)
  @maxValue(268435456)
  sourceMaxBytes: int?

  @description('Larger sources are refused, in pixels (SOURCE_MAX_PIXELS).')
  @minValue(1)
  @maxValue(178000000)
  sourceMaxPixels: int?

  @description('Bytes for all pictures that an instance decodes at the same time (RENDER_MEMORY).')
  @minValue(67108864)
  @maxValue(68719476736)
  renderMemory: int?

  @description('Days that a picture may wait for its item (ITEM_WAIT).')
  @minValue(1)
  @maxValue(365)
  itemWaitDays: int?

  @description('Minutes that an upload may look unfinished (UNFINISHED_WAIT).')
  @minValue(1)
  @maxValue(1440)
  unfinishedWaitMinutes: int?

  @description('When the sweep runs: six fields, seconds first, in UTC (SWEEP_SCHEDULE).')
  sweepSchedule: string?

  @description('Minutes for which the sweep leaves uploads to their events (SWEEP_MIN_AGE).')
  @minValue(1)
  @maxValue(1440)
  sweepMinAgeMinutes: int?

  @description('Save the picture that BC shows before the first upload replaces it (KEEP_EXISTING).')
  keepExisting: bool?
}

@export()
@description('How long blobs stay.')
type retentionType = {
  @description('Days for which deleted blobs and containers can be restored. Meanwhile they cost as much as before.')
  @minValue(1)
  @maxValue(365)
  softDeleteDays: int

  @description('Days after which originals in archive move to the cool tier.')
  @minValue(1)
  archiveCoolDays: int

  @description('Days after which originals in archive are deleted; 0 keeps them.')
  @minValue(0)
  archiveDeleteDays: int

  @description('Days after which quarantine and dead-letter are emptied.')
  @minValue(1)
  quarantineDeleteDays: int
}

@export()
@description('How many uploads there are at a time.')
type scaleType = {
  @description('Instances on demand. They come on top of those that are always ready.')
  @minValue(1)
  @maxValue(40)
  maximumInstanceCount: int

  @description('Instances that are always ready. Without one, the first deliveries may be refused.')
  @minValue(1)
  @maxValue(4)
  alwaysReadyInstances: int

  @description('Memory of an instance in MB. 512 leaves no room for the pictures that the app accepts by default.')
  instanceMemoryMB: 2048 | 4096
}

@export()
@description('The network, and who reaches the accounts from outside of it.')
type networkType = {
  @description('Put the app into a virtual network, and give both accounts private endpoints there.')
  useVirtualNetwork: bool

  @description('The addresses of the virtual network, 64 or more.')
  addressPrefix: string

  @description('Let the internet reach the host account (identities with a role only).')
  hostAccountIsPublic: bool

  @description('Let the internet reach the pictures account (identities with a role only): uploaders come from outside.')
  picturesAccountIsPublic: bool
}

@export()
@description('The names of all resources: the modules find each other\'s resources by them.')
type namesType = {
  actionGroup: string
  applicationInsights: string
  functionApp: string
  hostAccount: string
  identity: string
  picturesAccount: string
  plan: string
  systemTopic: string
  virtualNetwork: string
  workspace: string
}

@export()
@description('What the operator\'s commands need to know about an installation.')
type installationType = {
  subscription: string
  resourceGroup: string
  functionApp: string
  workspace: string
  accounts: { host: string, pictures: string, picturesBlobUrl: string, picturesQueueUrl: string }
  containers: { incoming: string, archive: string, quarantine: string, records: string, deadLetter: string }
  businessCentral: businessCentralType
  pathTemplate: string
  settings: appSettingsType
}

@export()
@description('App settings by their names: those of the picture, of waiting and of the sweep. None is secret.')
type appSettingsType = { *: string }
