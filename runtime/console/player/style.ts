/** The player's look: the console's tokens where they are, the dark theme elsewhere. */
export const STYLE = `
:host {
  display: block;
  position: relative;
  overflow: hidden;
  color: var(--text, #e9ecee);
  background: var(--surface, #15191c);
  font: 400 13px/20px var(--font, system-ui, sans-serif);
}
:host([hidden]) { display: none; }
section { container-type: inline-size; display: flex; flex-direction: column; height: 100%; outline: none; }
section:focus-visible { box-shadow: inset 0 0 0 2px var(--focus, #6ea8f0); }
.stage {
  position: relative;
  flex: 1;
  aspect-ratio: var(--redeye-player-ratio, 16 / 9);
  overflow: hidden;
  background: var(--picture, #000);
}
.stage > * { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.stage > [hidden] { display: none; }
.surface { z-index: 0; opacity: 0; }
.below { z-index: 1; }
.surface.shown { z-index: 2; opacity: 1; }
.notice {
  position: absolute;
  z-index: 3;
  inset: auto 0 0;
  width: auto;
  height: auto;
  margin: 0;
  padding: 6px 12px;
  background: var(--over-picture, rgb(8 10 11 / 78%));
  color: var(--on-picture, #f3f5f6);
}
.bar {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 2px 12px;
  min-height: 44px;
  padding: 4px 6px 4px 12px;
}
.status { display: flex; flex-wrap: wrap; align-items: center; gap: 0 12px; flex: 1 1 120px; min-width: 0; }
.status p { display: flex; flex-wrap: wrap; align-items: center; gap: 0 10px; margin: 0; min-width: 0; }
.state { display: inline-flex; align-items: center; gap: 6px; font-weight: 500; white-space: nowrap; }
.muted { color: var(--text-2, #a9b2b9); }
.num { font-variant-numeric: tabular-nums; white-space: nowrap; }
.reason { color: var(--text-2, #a9b2b9); font-size: 12px; line-height: 16px; overflow-wrap: anywhere; }
.shape { width: 10px; height: 10px; flex: none; }
.shape path { fill: currentcolor; }
.shape.good { color: var(--good, #46b17b); }
.shape.warn { color: var(--warn, #e2a336); }
.shape.off { color: var(--off, #88929a); }
.shape.off path { fill: none; stroke: currentcolor; stroke-width: 1.500; }
.buttons { display: flex; align-items: center; gap: 2px; margin-left: auto; }
button {
  display: inline-flex;
  align-items: center;
  justify-content: center;
  width: 36px;
  height: 36px;
  padding: 0;
  border: 0;
  border-radius: 6px;
  background: transparent;
  color: var(--text-2, #a9b2b9);
  cursor: pointer;
}
button:hover { background: var(--hover, #22282d); color: var(--text, #e9ecee); }
button:focus-visible, input:focus-visible { outline: 2px solid var(--focus, #6ea8f0); outline-offset: -2px; }
button svg { width: 18px; height: 18px; fill: none; stroke: currentcolor; stroke-width: 1.750; stroke-linecap: round; stroke-linejoin: round; }
button[hidden], input[hidden] { display: none; }
input { width: 72px; accent-color: var(--text-2, #a9b2b9); }
:host([bare]) .bar { display: none; }
:host([bare]), :host([bare]) .stage { background: transparent; }
:host(:fullscreen) { width: 100%; height: 100%; background: #000; }
:host(:fullscreen) .stage { aspect-ratio: auto; }
:host(:fullscreen) .bar {
  position: absolute;
  z-index: 4;
  inset: auto 0 0;
  background: var(--surface, #15191c);
  opacity: 0;
  transition: opacity 160ms;
}
:host(:fullscreen) section.awake .bar, :host(:fullscreen) .bar:focus-within { opacity: 1; }
:host(:fullscreen) section:not(.awake) { cursor: none; }
@container (max-width: 520px) { .status:has(.reason:not([hidden])) { flex-basis: 100%; padding-right: 6px; } }
@media (pointer: coarse) { button { width: 40px; height: 40px; } input { display: none; } }
@media (prefers-reduced-motion: reduce) { :host(:fullscreen) .bar { transition: none; } }
`;
