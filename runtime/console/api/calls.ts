import type { CaptureBody, GalleryList, ImageRecord, VideoRecord } from '../../contracts/gallery.ts';
import { address, client, type Query } from './client.ts';

export type { ConfigAnswer, RoisAnswer } from '../../contracts/client/shapes.ts';

/** What the console asks for, in its own words, over the client that is made from the API's document. */
export const calls = {
  devices: async () => (await client.getDevices()).items,
  device: client.getDevice,
  createDevice: client.postDevices,
  patchDevice: client.patchDevice,
  deleteDevice: client.deleteDevice,
  rotateKey: client.postDeviceRotateKey,
  config: client.getDeviceConfig,
  putConfig: client.putDeviceConfig,

  cameras: async () => (await client.getCameras()).items,
  camera: client.getCamera,
  createCamera: client.postCameras,
  /** Tries an address once; what is wrong with it is in the answer. */
  testCamera: (url: string) => client.postCamerasTest({ url }),
  liveWays: client.getCameraLive,
  rois: client.getCameraRois,
  putRois: client.putCameraRois,
  newestCapture: async (camera: string) => (await client.getCaptures({ camera, limit: 1 })).items[0],
  capture: client.getCapture,

  takePicture: (camera: string, body: CaptureBody) => client.postCameraCapture(camera, body),
  images: async (query: Query) => (await client.getImages(query)) as GalleryList<ImageRecord>,
  deleteImage: client.deleteImage,
  products: async () => (await client.getProducts({ limit: 200 })).items,
  createProduct: client.postProducts,
  deleteProduct: client.deleteProduct,

  streams: async () => (await client.getStreams()).items,
  createStream: client.postCameraStreams,
  startStream: (id: string) => client.postStreamStart(id),
  stopStream: (id: string) => client.postStreamStop(id),
  deleteStream: client.deleteStream,
  youtube: () => client.getYoutube(),
  connectYoutube: () => client.postYoutubeConnect(),
  disconnectYoutube: () => client.deleteYoutube(),
  videos: async (limit: number) => (await client.getVideos({ limit })) as GalleryList<VideoRecord>,
  deleteVideo: (id: number) => client.deleteVideo(id),

  events: (query: Query, signal?: AbortSignal) => client.getEvents(query, { signal }),
  event: client.getEvent,
  patchEvent: client.patchEvent,

  pairDevice: client.postPairingClaim,
  users: async () => (await client.getUsers()).items,
  createUser: client.postUsers,
  patchUser: client.patchUser,
  deleteUser: client.deleteUser,
  appPasswords: client.getUserCredentials,
  createAppPassword: client.postUserCredentials,
  deleteAppPassword: client.deleteUserCredential,

  changePassword: (current: string, next: string) =>
    client.postAuthPassword({ current_password: current, new_password: next }),
  /** Version and uptime of the server's process; it lies beside the API. */
  about: async (): Promise<{ version: string; uptime_s: number }> => (await fetch(address('healthz'))).json(),
};
