/** A Content-Type header, type and names of parameters in lower case. */
export interface ContentType {
  type: string;
  parameters: Map<string, string>;
}

/** Reads a header of the shape `type; name=value; name="value"` (RFC 9110 §8.3.1, also that of Content-Disposition). */
export function parseContentType(header: string | undefined): ContentType {
  const [type = ''] = (header ?? '').split(';', 1);
  const parameters = new Map<string, string>();
  const pattern = /;\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;
  for (const [, name = '', quoted, plain] of (header ?? '').slice(type.length, type.length + 2000).matchAll(pattern)) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return { type: type.trim().toLowerCase(), parameters };
}
