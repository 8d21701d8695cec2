// Made from the OpenAPI document by `npm run docs`; do not edit.
import type {
  AppPasswordCreate,
  AppPasswordMade,
  AppPasswordRecordPage,
  AuditRecordPage,
  CameraCreate,
  CameraModePut,
  CameraPatch,
  CameraRecord,
  CameraRecordPage,
  CameraSettingsAnswer,
  CameraSettingsPut,
  CameraStatusAnswer,
  CameraTelemetry,
  CameraTest,
  CameraTestBody,
  CameraWithKey,
  CaptureBody,
  CaptureRecord,
  CaptureRecordPage,
  CommandCreate,
  CommandRecord,
  CommandRecordPage,
  ConfigAnswer,
  DeploymentCreate,
  DeploymentPreview,
  DeploymentRecord,
  DeploymentRecordPage,
  DeviceConfigPatch,
  DeviceCreate,
  DeviceFlows,
  DevicePatch,
  DeviceRecord,
  DeviceRecordPage,
  DeviceRotate,
  DeviceWithKey,
  EventPatch,
  EventRecord,
  EventRecordPage,
  GraphRecordPage,
  ImageDeleted,
  ImageList,
  ImageRecord,
  IngressAccess,
  IngressWish,
  JobCounts,
  JobRecord,
  JobRecordPage,
  LiveWays,
  LivekitDiagnosis,
  LivekitStatus,
  LivekitToken,
  LocalAccess,
  LoginAnswer,
  LoginBody,
  MetricsAnswer,
  PairingClaim,
  PairingCode,
  PairingRegister,
  PairingState,
  PasswordBody,
  ProductCreate,
  ProductPatch,
  ProductRecord,
  ProductRecordPage,
  RefreshBody,
  RemoteStream,
  RetentionReport,
  RetentionRun,
  RetentionStatus,
  RoiSet,
  RoisAnswer,
  SessionRecordPage,
  SigningAnswer,
  SigningRequest,
  StreamCreate,
  StreamList,
  StreamPatch,
  StreamRecord,
  StreamTokenAnswer,
  TokenWish,
  UserAccount,
  UserAccountPage,
  UserCreate,
  UserPatch,
  UserRecord,
  VideoList,
  VideoRecord,
  YoutubeLogin,
  YoutubeStatus,
} from './shapes.ts';

/** One request, for whoever carries it: `path` is below the server's own address, without a slash before it. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: object;
  body?: unknown;
  options?: CallOptions;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** a repetition with the same key creates nothing new; only where the API says so */
  idempotencyKey?: string;
}

/** Sends a request with the caller's credential and answers the parsed body; throws what it makes of a refusal. */
export type Send = <T>(call: Call) => Promise<T>;

const part = (value: string | number) => encodeURIComponent(value);

/** Every operation of the API, by its name in the document. */
export function createClient(send: Send) {
  return {
    /** Log in with user name or e-mail address, and password */
    postAuthLogin: (body: LoginBody, options?: CallOptions) =>
      send<LoginAnswer>({ method: 'POST', path: 'api/v1/auth/login', body, options }),

    /** Exchange a refresh token for a new pair; each is good for one use */
    postAuthRefresh: (body: RefreshBody = {}, options?: CallOptions) =>
      send<LoginAnswer>({ method: 'POST', path: 'api/v1/auth/refresh', body, options }),

    /** End the session of a refresh token */
    postAuthLogout: (body: RefreshBody = {}, options?: CallOptions) =>
      send<void>({ method: 'POST', path: 'api/v1/auth/logout', body, options }),

    /** Who the token belongs to */
    getAuthMe: (options?: CallOptions) =>
      send<UserRecord>({ method: 'GET', path: 'api/v1/auth/me', options }),

    /** Change your own password; other sessions end */
    postAuthPassword: (body: PasswordBody, options?: CallOptions) =>
      send<void>({ method: 'POST', path: 'api/v1/auth/password', body, options }),

    /** Everybody who may log in, the newest first */
    getUsers: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<UserAccountPage>({ method: 'GET', path: 'api/v1/users', query, options }),

    /** Add a user; without a password one is made up and shown once, to be changed at the first login */
    postUsers: (body: UserCreate, options?: CallOptions) =>
      send<UserAccount>({ method: 'POST', path: 'api/v1/users', body, options }),

    /** Change role, cameras and rights, reset the password, disable or enable; the last admin stays one */
    patchUser: (id: string | number, body: UserPatch, options?: CallOptions) =>
      send<UserAccount>({ method: 'PATCH', path: `api/v1/users/${part(id)}`, body, options }),

    /** Delete a user; their app passwords and sessions end */
    deleteUser: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/users/${part(id)}`, options }),

    /** A user's app passwords, the newest first, never themselves */
    getUserCredentials: (id: string | number, query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<AppPasswordRecordPage>({ method: 'GET', path: `api/v1/users/${part(id)}/credentials`, query, options }),

    /** An app password for MQTT, metrics and live pictures; shown once */
    postUserCredentials: (id: string | number, body: AppPasswordCreate, options?: CallOptions) =>
      send<AppPasswordMade>({ method: 'POST', path: `api/v1/users/${part(id)}/credentials`, body, options }),

    /** End an app password at once */
    deleteUserCredential: (id: string | number, credential: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/users/${part(id)}/credentials/${part(credential)}`, options }),

    /** Who did what, newest first */
    getAudit: (query: { limit?: number | undefined; cursor?: string | undefined; actor?: string | undefined; action?: string | undefined; object?: string | undefined; from?: string | undefined; to?: string | undefined } = {}, options?: CallOptions) =>
      send<AuditRecordPage>({ method: 'GET', path: 'api/v1/audit', query, options }),

    /** Devices with state, mode, last seen and last frame, the newest first */
    getDevices: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<DeviceRecordPage>({ method: 'GET', path: 'api/v1/devices', query, options }),

    /** Register a device; the answer shows its key, once */
    postDevices: (body: DeviceCreate, options?: CallOptions) =>
      send<DeviceWithKey>({ method: 'POST', path: 'api/v1/devices', body, options }),

    /** One device */
    getDevice: (id: string | number, options?: CallOptions) =>
      send<DeviceRecord>({ method: 'GET', path: `api/v1/devices/${part(id)}`, options }),

    /** Rename, disable or enable a device */
    patchDevice: (id: string | number, body: DevicePatch, options?: CallOptions) =>
      send<DeviceRecord>({ method: 'PATCH', path: `api/v1/devices/${part(id)}`, body, options }),

    /** Delete a device; its frames and events stay, and its seq goes on when it is registered again */
    deleteDevice: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/devices/${part(id)}`, options }),

    /** A new key, shown once; the old one still works for a day, or ends now (end_old) */
    postDeviceRotateKey: (id: string | number, body: DeviceRotate = {}, options?: CallOptions) =>
      send<DeviceWithKey>({ method: 'POST', path: `api/v1/devices/${part(id)}/rotate-key`, body, options }),

    /** The configuration in force */
    getDeviceConfig: (id: string | number, options?: CallOptions) =>
      send<ConfigAnswer>({ method: 'GET', path: `api/v1/devices/${part(id)}/config`, options }),

    /** Change any of the fields; the rest stays */
    putDeviceConfig: (id: string | number, body: DeviceConfigPatch = {}, options?: CallOptions) =>
      send<ConfigAnswer>({ method: 'PUT', path: `api/v1/devices/${part(id)}/config`, body, options }),

    /** ROIs of the device's first camera */
    getDeviceRois: (id: string | number, options?: CallOptions) =>
      send<RoisAnswer>({ method: 'GET', path: `api/v1/devices/${part(id)}/rois`, options }),

    /** Set the ROIs of the device's first camera */
    putDeviceRois: (id: string | number, body: RoiSet, options?: CallOptions) =>
      send<RoisAnswer>({ method: 'PUT', path: `api/v1/devices/${part(id)}/rois`, body, options }),

    /** A device asks for a code to show; good for ten minutes */
    postPairingRegister: (body: PairingRegister, options?: CallOptions) =>
      send<PairingCode>({ method: 'POST', path: 'api/v1/pairing/register', body, options }),

    /** The device asks whether its code was typed (Bearer poll_token); its sealed key is in the answer once */
    getPairingPoll: (options?: CallOptions) =>
      send<PairingState>({ method: 'GET', path: 'api/v1/pairing/poll', options }),

    /** Register the device that shows this code, or give a known one a new key */
    postPairingClaim: (body: PairingClaim, options?: CallOptions) =>
      send<DeviceRecord>({ method: 'POST', path: 'api/v1/pairing/claim', body, options }),

    /** Tell a device to do something; kept for it until it expires */
    postDeviceCommands: (id: string | number, body: CommandCreate, options?: CallOptions) =>
      send<CommandRecord>({ method: 'POST', path: `api/v1/devices/${part(id)}/commands`, body, options }),

    /** The commands of a device, the newest first */
    getDeviceCommands: (id: string | number, query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<CommandRecordPage>({ method: 'GET', path: `api/v1/devices/${part(id)}/commands`, query, options }),

    /** What became of a command */
    getCommand: (id: string | number, options?: CallOptions) =>
      send<CommandRecord>({ method: 'GET', path: `api/v1/commands/${part(id)}`, options }),

    /** What was deployed to devices: who, what, and what became of it */
    getDeployments: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<DeploymentRecordPage>({ method: 'GET', path: 'api/v1/deployments', query, options }),

    /** Send the edge tabs, as they are now, to devices */
    postDeployments: (body: DeploymentCreate, options?: CallOptions) =>
      send<DeploymentRecord>({ method: 'POST', path: 'api/v1/deployments', body, options }),

    /** What a deployment would change on each device, node by node; nothing is sent */
    postDeploymentsPreview: (body: DeploymentCreate, options?: CallOptions) =>
      send<DeploymentPreview>({ method: 'POST', path: 'api/v1/deployments/preview', body, options }),

    /** What runs on a device now, asked of it, and how it differs from the edge tabs here */
    getDeviceFlows: (id: string | number, options?: CallOptions) =>
      send<DeviceFlows>({ method: 'GET', path: `api/v1/devices/${part(id)}/flows`, options }),

    /** One deployment with its devices */
    getDeployment: (id: string | number, options?: CallOptions) =>
      send<DeploymentRecord>({ method: 'GET', path: `api/v1/deployments/${part(id)}`, options }),

    /** Tell nobody else of it; devices that have begun go on */
    postDeploymentAbort: (id: string | number, options?: CallOptions) =>
      send<DeploymentRecord>({ method: 'POST', path: `api/v1/deployments/${part(id)}/abort`, options }),

    /** Deploy what its devices ran before */
    postDeploymentRollback: (id: string | number, options?: CallOptions) =>
      send<DeploymentRecord>({ method: 'POST', path: `api/v1/deployments/${part(id)}/rollback`, options }),

    /** What `npm run sign` signs elsewhere, where the key is not on this server */
    getDeploymentSigningRequest: (id: string | number, options?: CallOptions) =>
      send<SigningRequest>({ method: 'GET', path: `api/v1/deployments/${part(id)}/signing-request`, options }),

    /** Hand in signatures that were made elsewhere; the deployment begins */
    postDeploymentSignatures: (id: string | number, body: SigningAnswer, options?: CallOptions) =>
      send<DeploymentRecord>({ method: 'POST', path: `api/v1/deployments/${part(id)}/signatures`, body, options }),

    /** Cameras that you may see, the newest first */
    getCameras: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<CameraRecordPage>({ method: 'GET', path: 'api/v1/cameras', query, options }),

    /** Add a camera; its address is kept encrypted and never shown again */
    postCameras: (body: CameraCreate, options?: CallOptions) =>
      send<CameraRecord>({ method: 'POST', path: 'api/v1/cameras', body, options }),

    /** Try an address once without adding it: a still, then live; says in words what is wrong */
    postCamerasTest: (body: CameraTestBody, options?: CallOptions) =>
      send<CameraTest>({ method: 'POST', path: 'api/v1/cameras/test', body, options }),

    /** One camera */
    getCamera: (id: string | number, options?: CallOptions) =>
      send<CameraRecord>({ method: 'GET', path: `api/v1/cameras/${part(id)}`, options }),

    /** Rename a camera or give it another address; without url the old one stays */
    patchCamera: (id: string | number, body: CameraPatch, options?: CallOptions) =>
      send<CameraRecord>({ method: 'PATCH', path: `api/v1/cameras/${part(id)}`, body, options }),

    /** Delete a camera; its frames and events stay */
    deleteCamera: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/cameras/${part(id)}`, options }),

    /** Make up another key that Redeye sends to this camera; shown once, to be set at the camera too */
    postCameraRenewKey: (id: string | number, options?: CallOptions) =>
      send<CameraWithKey>({ method: 'POST', path: `api/v1/cameras/${part(id)}/renew-key`, options }),

    /** ROIs in force, with their version */
    getCameraRois: (id: string | number, options?: CallOptions) =>
      send<RoisAnswer>({ method: 'GET', path: `api/v1/cameras/${part(id)}/rois`, options }),

    /** Set the ROIs; a stale version is refused; in force from the next frame on */
    putCameraRois: (id: string | number, body: RoiSet, options?: CallOptions) =>
      send<RoisAnswer>({ method: 'PUT', path: `api/v1/cameras/${part(id)}/rois`, body, options }),

    /** Take a picture now and keep it; exposure and gain hold for this one */
    postCameraCapture: (id: string | number, body: CaptureBody = {}, options?: CallOptions) =>
      send<ImageRecord>({ method: 'POST', path: `api/v1/cameras/${part(id)}/capture`, body, options }),

    /** How a camera captures, and what of it can be changed */
    getCameraSettings: (id: string | number, query: { fresh?: boolean | undefined } = {}, options?: CallOptions) =>
      send<CameraSettingsAnswer>({ method: 'GET', path: `api/v1/cameras/${part(id)}/settings`, query, options }),

    /** Change what is named; it holds until the server or the device is started again */
    putCameraSettings: (id: string | number, body: CameraSettingsPut, options?: CallOptions) =>
      send<CameraSettingsAnswer>({ method: 'PUT', path: `api/v1/cameras/${part(id)}/settings`, body, options }),

    /** Whether a camera is there, and streams */
    getCameraStatus: (id: string | number, query: { fresh?: boolean | undefined } = {}, options?: CallOptions) =>
      send<CameraStatusAnswer>({ method: 'GET', path: `api/v1/cameras/${part(id)}/status`, query, options }),

    /** Wake a camera with an API of its own (seed 000) for stills or video, or rest it; others do so by themselves */
    putCameraMode: (id: string | number, body: CameraModePut, options?: CallOptions) =>
      send<CameraStatusAnswer>({ method: 'PUT', path: `api/v1/cameras/${part(id)}/mode`, body, options }),

    /** How the machine is that a camera hangs on: its own, its device or this server */
    getCameraTelemetry: (id: string | number, query: { fresh?: boolean | undefined } = {}, options?: CallOptions) =>
      send<CameraTelemetry>({ method: 'GET', path: `api/v1/cameras/${part(id)}/telemetry`, query, options }),

    /** Addresses and key with which a camera with an API of its own is reached in its own network */
    getCameraLocalAccess: (id: string | number, options?: CallOptions) =>
      send<LocalAccess>({ method: 'GET', path: `api/v1/cameras/${part(id)}/local-access`, options }),

    /** Have a camera with an API of its own (seed 000) show itself live; every other is watched without */
    postCameraPreview: (id: string | number, options?: CallOptions) =>
      send<RemoteStream>({ method: 'POST', path: `api/v1/cameras/${part(id)}/preview`, options }),

    /** End that */
    deleteCameraPreview: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/cameras/${part(id)}/preview`, options }),

    /** Stored frames, newest first */
    getCaptures: (query: { limit?: number | undefined; cursor?: string | undefined; device?: string | undefined; camera?: string | undefined; from?: string | undefined; to?: string | undefined } = {}, options?: CallOptions) =>
      send<CaptureRecordPage>({ method: 'GET', path: 'api/v1/captures', query, options }),

    /** One stored frame */
    getCapture: (id: string | number, options?: CallOptions) =>
      send<CaptureRecord>({ method: 'GET', path: `api/v1/captures/${part(id)}`, options }),

    /** Pictures on request, newest first; with page as {data, pagination} */
    getImages: (query: { limit?: number | undefined; cursor?: string | undefined; device?: string | undefined; camera?: string | undefined; from?: string | undefined; to?: string | undefined; page?: number | undefined; product?: number | undefined; description?: string | undefined; filter?: "mine" | "all" | undefined } = {}, options?: CallOptions) =>
      send<ImageList>({ method: 'GET', path: 'api/v1/images', query, options }),

    /** One picture on request */
    getImage: (id: string | number, options?: CallOptions) =>
      send<ImageRecord>({ method: 'GET', path: `api/v1/images/${part(id)}`, options }),

    /** Delete a picture and its file */
    deleteImage: (id: string | number, options?: CallOptions) =>
      send<ImageDeleted>({ method: 'DELETE', path: `api/v1/images/${part(id)}`, options }),

    /** Products, newest first; who is limited to some cameras sees their own, and those with pictures of these */
    getProducts: (query: { limit?: number | undefined; cursor?: string | undefined; search?: string | undefined } = {}, options?: CallOptions) =>
      send<ProductRecordPage>({ method: 'GET', path: 'api/v1/products', query, options }),

    /** Add a product */
    postProducts: (body: ProductCreate, options?: CallOptions) =>
      send<ProductRecord>({ method: 'POST', path: 'api/v1/products', body, options }),

    /** One product */
    getProduct: (id: string | number, options?: CallOptions) =>
      send<ProductRecord>({ method: 'GET', path: `api/v1/products/${part(id)}`, options }),

    /** Change a product */
    patchProduct: (id: string | number, body: ProductPatch, options?: CallOptions) =>
      send<ProductRecord>({ method: 'PATCH', path: `api/v1/products/${part(id)}`, body, options }),

    /** Delete a product; its pictures and recordings stay, without it */
    deleteProduct: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/products/${part(id)}`, options }),

    /** The pictures of a product */
    getProductImages: (id: string | number, query: { limit?: number | undefined; cursor?: string | undefined; device?: string | undefined; camera?: string | undefined; from?: string | undefined; to?: string | undefined; page?: number | undefined; product?: number | undefined; description?: string | undefined; filter?: "mine" | "all" | undefined } = {}, options?: CallOptions) =>
      send<ImageList>({ method: 'GET', path: `api/v1/products/${part(id)}/images`, query, options }),

    /** Recordings that lie elsewhere, newest first; with page as {data, pagination} */
    getVideos: (query: { limit?: number | undefined; cursor?: string | undefined; device?: string | undefined; camera?: string | undefined; from?: string | undefined; to?: string | undefined; page?: number | undefined; product?: number | undefined; description?: string | undefined; filter?: "mine" | "all" | undefined } = {}, options?: CallOptions) =>
      send<VideoList>({ method: 'GET', path: 'api/v1/videos', query, options }),

    /** One recording */
    getVideo: (id: string | number, options?: CallOptions) =>
      send<VideoRecord>({ method: 'GET', path: `api/v1/videos/${part(id)}`, options }),

    /** Forget a recording; it stays where it lies */
    deleteVideo: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/videos/${part(id)}`, options }),

    /** Events, newest first */
    getEvents: (query: { limit?: number | undefined; cursor?: string | undefined; device?: string | undefined; camera?: string | undefined; from?: string | undefined; to?: string | undefined; type?: "interaction_detected" | "stock_changed" | "camera_obstructed" | "scene_shifted" | "camera_issue" | undefined; reviewed?: boolean | undefined } = {}, options?: CallOptions) =>
      send<EventRecordPage>({ method: 'GET', path: 'api/v1/events', query, options }),

    /** One event; details say why it fired */
    getEvent: (id: string | number, options?: CallOptions) =>
      send<EventRecord>({ method: 'GET', path: `api/v1/events/${part(id)}`, options }),

    /** Note, reviewed, verdict (true, false or null), keep (exempt from retention) */
    patchEvent: (id: string | number, body: EventPatch, options?: CallOptions) =>
      send<EventRecord>({ method: 'PATCH', path: `api/v1/events/${part(id)}`, body, options }),

    /** Jobs, newest first; status is one of queued, running, done, failed (waits for another try), dead */
    getJobs: (query: { limit?: number | undefined; cursor?: string | undefined; device?: string | undefined; camera?: string | undefined; from?: string | undefined; to?: string | undefined; status?: "queued" | "running" | "done" | "failed" | "dead" | undefined } = {}, options?: CallOptions) =>
      send<JobRecordPage>({ method: 'GET', path: 'api/v1/jobs', query, options }),

    /** How many jobs there are in each state */
    getJobsCounts: (options?: CallOptions) =>
      send<JobCounts>({ method: 'GET', path: 'api/v1/jobs/counts', options }),

    /** Give a failed or dead job a fresh set of attempts */
    postJobRetry: (id: string | number, options?: CallOptions) =>
      send<JobRecord>({ method: 'POST', path: `api/v1/jobs/${part(id)}/retry`, options }),

    /** Limits, what is used and kept, and what the last run deleted */
    getRetention: (options?: CallOptions) =>
      send<RetentionStatus>({ method: 'GET', path: 'api/v1/retention', options }),

    /** Delete what the rules say, now; with dry_run only tell what that would be */
    postRetentionRun: (body: RetentionRun = {}, options?: CallOptions) =>
      send<RetentionReport>({ method: 'POST', path: 'api/v1/retention/run', body, options }),

    /** What is brought to others, of all cameras you may see, the newest first */
    getStreams: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<StreamList>({ method: 'GET', path: 'api/v1/streams', query, options }),

    /** The streams of a camera, the newest first */
    getCameraStreams: (id: string | number, query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<StreamList>({ method: 'GET', path: `api/v1/cameras/${part(id)}/streams`, query, options }),

    /** Bring a camera to somebody else; several at once may be. Address and key are kept encrypted and never shown */
    postCameraStreams: (id: string | number, body: StreamCreate, options?: CallOptions) =>
      send<StreamRecord>({ method: 'POST', path: `api/v1/cameras/${part(id)}/streams`, body, options }),

    /** One stream */
    getStreamById: (id: string | number, options?: CallOptions) =>
      send<StreamRecord>({ method: 'GET', path: `api/v1/streams/${part(id)}`, options }),

    /** Change name, address, key or settings of a stream; the rest stays, and what is on starts over only if it has to */
    patchStream: (id: string | number, body: StreamPatch, options?: CallOptions) =>
      send<StreamRecord>({ method: 'PATCH', path: `api/v1/streams/${part(id)}`, body, options }),

    /** End a stream and forget it; one of a flow is known again at the next deploy, switched off */
    deleteStream: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/streams/${part(id)}`, options }),

    /** Switch a stream on, also one of a flow; one that is on stays as it is */
    postStreamStart: (id: string | number, options?: CallOptions) =>
      send<StreamRecord>({ method: 'POST', path: `api/v1/streams/${part(id)}/start`, options }),

    /** Switch it off until it is started again */
    postStreamStop: (id: string | number, options?: CallOptions) =>
      send<StreamRecord>({ method: 'POST', path: `api/v1/streams/${part(id)}/stop`, options }),

    /** How it stands with the Google account, and with its quota */
    getYoutube: (options?: CallOptions) =>
      send<YoutubeStatus>({ method: 'GET', path: 'api/v1/youtube', options }),

    /** Forget the Google account */
    deleteYoutube: (options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: 'api/v1/youtube', options }),

    /** Where to send the browser to connect a Google account; good for ten minutes, once, for you */
    postYoutubeConnect: (options?: CallOptions) =>
      send<YoutubeLogin>({ method: 'POST', path: 'api/v1/youtube/connect', options }),

    /** Whether there is a LiveKit server, and where browsers reach it */
    getLivekit: (options?: CallOptions) =>
      send<LivekitStatus>({ method: 'GET', path: 'api/v1/livekit', options }),

    /** A token to watch a room, for ten minutes: all cameras in it must be ones you may see. It cannot publish */
    postLivekitToken: (body: TokenWish, options?: CallOptions) =>
      send<LivekitToken>({ method: 'POST', path: 'api/v1/livekit/token', body, options }),

    /** The ingress of that room and name with its key; made where there is none yet */
    postLivekitIngress: (body: IngressWish, options?: CallOptions) =>
      send<IngressAccess>({ method: 'POST', path: 'api/v1/livekit/ingress', body, options }),

    /** What is wrong with LiveKit and TURN, and what to do about it; may take some seconds */
    getLivekitDiagnostics: (options?: CallOptions) =>
      send<LivekitDiagnosis>({ method: 'GET', path: 'api/v1/livekit/diagnostics', options }),

    /** For devices, with their key (X-DEVICE-KEY): a token to publish into a room as this device. It cannot watch */
    getDeviceLivekitToken: (query: { room?: string | undefined } = {}, options?: CallOptions) =>
      send<LivekitToken>({ method: 'GET', path: 'api/v1/device/livekit-token', query, options }),

    /** Ingest of the last hour, queue, disk, database, system; each figure with a limit says ok, watch or bad */
    getMetrics: (options?: CallOptions) =>
      send<MetricsAnswer>({ method: 'GET', path: 'api/v1/metrics', options }),

    /** A token for <img> and <video>: for this camera, reading only, five minutes (?token=) */
    postCameraStreamToken: (id: string | number, options?: CallOptions) =>
      send<StreamTokenAnswer>({ method: 'POST', path: `api/v1/cameras/${part(id)}/stream-token`, options }),

    /** Who is watching now, newest first */
    getSessions: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<SessionRecordPage>({ method: 'GET', path: 'api/v1/sessions', query, options }),

    /** Sources, hub and viewers as they are now, a camera each, by name */
    getGraph: (query: { limit?: number | undefined; cursor?: string | undefined } = {}, options?: CallOptions) =>
      send<GraphRecordPage>({ method: 'GET', path: 'api/v1/graph', query, options }),

    /** End somebody’s watching */
    deleteSession: (id: string | number, options?: CallOptions) =>
      send<void>({ method: 'DELETE', path: `api/v1/sessions/${part(id)}`, options }),

    /** Which ways to watch there are, in words why not the others, and ICE servers; starts no camera */
    getCameraLive: (id: string | number, options?: CallOptions) =>
      send<LiveWays>({ method: 'GET', path: `api/v1/cameras/${part(id)}/live`, options }),
  };
}

/** Where what is not JSON lies. */
export const addresses = {
  /** A file of its HLS as the camera has it: index.m3u8, and what that names */
  cameraPreview: (id: string | number) => `api/v1/cameras/${part(id)}/preview`,
  /** Its picture, as the device sent it */
  captureImageJpg: (id: string | number) => `api/v1/captures/${part(id)}/image.jpg`,
  /** Its bytes, as the camera gave them */
  imageImageJpg: (id: string | number) => `api/v1/images/${part(id)}/image.jpg`,
  /** Its picture: pre.jpg, during.jpg, post.jpg or thumb.jpg */
  eventImage: (id: string | number, file: string | number) => `api/v1/events/${part(id)}/images/${part(file)}`,
  /** Server-Sent Events: each event at its start and its end */
  stream: () => 'api/v1/stream',
  /** Watch by HLS, low latency where the player can */
  cameraHlsIndexM3u8: (id: string | number) => `api/v1/cameras/${part(id)}/hls/index.m3u8`,
  /** Watch as JPEG pictures one after the other (?fps=) */
  cameraMjpeg: (id: string | number) => `api/v1/cameras/${part(id)}/mjpeg`,
  /** The newest picture */
  cameraSnapshotJpg: (id: string | number) => `api/v1/cameras/${part(id)}/snapshot.jpg`,
};
