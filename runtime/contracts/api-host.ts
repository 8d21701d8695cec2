/** One request of the product API, made inside the process. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** below `/api/v1`, with its query, as `/cameras/gate/settings` */
  path: string;
  /** sent as JSON */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

export interface ApiAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** what JSON said; a Buffer for anything else; undefined when there is none */
  body: unknown;
}

/**
 * The product API for flows that answer HTTP themselves. Who asks is who sent the request behind the message (`msg.req` of an
 * `http in`), with the rights they have there; a message without one asks as nobody.
 */
export interface ApiHost {
  /** id of the camera that dialects of one camera mean (DIALECT_CAMERA); undefined: the first */
  readonly dialectCamera: string | undefined;
  /** path of PUBLIC_URL, which a proxy takes away on its way here, as `/redeye`; empty where there is none */
  readonly basePath: string;
  /** Throws only when the process stops; what the API refuses is an answer like any other. */
  call(request: ApiRequest, askedBy: unknown): Promise<ApiAnswer>;
}
