/** A Content-Type header, type and names of parameters in lower case. */
export interface ContentType {
  type: string;
  parameters: Map<string, string>;
}

/** The usual form: one plain parameter. What it does not fit goes the long way. */
const USUAL = /^([a-z/-]{1,60}); ?([a-z]{1,20})=([A-Za-z0-9'()+_,\-./:?]{1,100})$/;

/** Reads a header of the shape `type; name=value; name="value"` (RFC 9110 §8.3.1, also that of Content-Disposition). */
export function parseContentType(header: string | undefined): ContentType {
  const usual = USUAL.exec(header ?? '');
  if (usual) return { type: usual[1] ?? '', parameters: new Map([[usual[2] ?? '', usual[3] ?? '']]) };
  const [type = ''] = (header ?? '').split(';', 1);
  const parameters = new Map<string, string>();
  const pattern = /;\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;
  for (const [, name = '', quoted, plain] of (header ?? '').slice(type.length, type.length + 2000).matchAll(pattern)) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return { type: type.trim().toLowerCase(), parameters };
}
