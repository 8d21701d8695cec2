/** An image as `POST /cameras/{id}/capture` and `GET /images` answer it. */
export interface ImageRow {
  id: number | string;
  camera: string;
  filename: string;
  captured_at: string;
  width: number;
  height: number;
  size: number;
  exposure?: number | null;
  gain?: number | null;
  product_id?: number | null;
  description?: string | null;
  image?: string;
  metadata?: Record<string, unknown>;
  created_at?: string;
  updated_at?: string;
}

/** `capture_YYYYMMDD_HHMMSS_mmm.jpg` (S2.5), of UTC: seed 002 took local time and called it UTC. */
export function captureName(capturedAt: string): string {
  const [date = '', time = ''] = new Date(capturedAt).toISOString().replace('Z', '').split('T');
  return `capture_${date.replaceAll('-', '')}_${time.replaceAll(':', '').replace('.', '_')}.jpg`;
}

/** A capture in both dialects of seed 002 at once (S2.5, S2.35): no field of one means something else in the other. */
export function captureAnswer(image: ImageRow): Record<string, unknown> {
  const { width, height, size, captured_at, metadata = {} } = image;
  const [exposure, gain] = [image.exposure ?? 0, image.gain ?? 0];
  const filename = image.filename || captureName(captured_at);
  return {
    success: true,
    filename,
    filepath: `./captures/${filename}`,
    timestamp: captured_at,
    capturedAt: captured_at,
    settings: { exposure, gain, resolution: { width, height } },
    image_info: { size_bytes: size, format: 'JPG' },
    exposureTime: exposure,
    gain,
    fileSize: size,
    width,
    height,
    metadata: {
      quality: metadata.jpeg_quality,
      ...metadata,
      format: 'jpg',
      cameraConnected: true,
      simulatedMode: metadata.driver === 'sim',
    },
  };
}

/** Settings as the product API tells them. */
export interface SettingsRow {
  exposure?: number | null;
  gain?: number | null;
  resolution?: { width: number; height: number };
  ranges?: { exposure?: { min: number; max: number }; gain?: { min: number; max: number } };
  available_resolutions?: { width: number; height: number }[];
  connected?: boolean;
  streaming?: boolean;
}

/** Settings in both dialects of seed 002 (S2.6, S2.36). A camera that exposes by itself says 0 and `autoExposure`. */
export function settingsAnswer(settings: SettingsRow): Record<string, unknown> {
  const { exposure, gain, ranges = {}, available_resolutions = [] } = settings;
  const resolution = settings.resolution ?? available_resolutions[0] ?? { width: 0, height: 0 };
  return {
    exposure: exposure ?? 0,
    exposureMin: ranges.exposure?.min ?? 0,
    exposureMax: ranges.exposure?.max ?? 0,
    gain: gain ?? 0,
    gainMin: ranges.gain?.min ?? 0,
    gainMax: ranges.gain?.max ?? 0,
    gamma: 1,
    gammaMin: 1,
    gammaMax: 1,
    gammaSupported: false,
    autoExposure: exposure === null || exposure === undefined,
    autoExposureSupported: false,
    resolution,
    available_resolutions: available_resolutions.length > 0 ? available_resolutions : [resolution],
    connected: settings.connected ?? true,
    streaming: settings.streaming ?? false,
  };
}
