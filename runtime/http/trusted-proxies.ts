/** What Express is told of the proxies in front: their number where `TRUST_PROXY` is one (from the last backwards), else their addresses. */
export function trustedProxies(setting: string): string | number {
  return /^[1-9]$/.test(setting.trim()) ? Number(setting) : setting;
}
