import { createApp } from 'vue';
import { edgeStrings } from '../strings/edge.ts';
import EdgePanel from './edge-panel.vue';
import { createFleet } from './fleet.ts';
import type { EditorApi } from './red.ts';
import { STYLE } from './style.ts';

/** Opens the sidebar *Edge* in the flow editor. While nobody looks at it, the server is not asked. */
export function open(red: EditorApi): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  document.adoptedStyleSheets.push(sheet);
  const content = document.createElement('div');
  content.className = 'redeye-edge-tab-content';
  const fleet = createFleet(red);
  createApp(EdgePanel, { red, fleet }).mount(content);
  red.sidebar.addTab({
    id: 'redeye-edge',
    name: edgeStrings.title,
    label: edgeStrings.title,
    iconClass: 'fa fa-microchip',
    content,
    enableOnEdit: true,
    pinned: true,
    action: '',
  });
  // A tab that is hidden has no size; the editor tells of no change in every case.
  new IntersectionObserver(([entry]) => fleet.watch(entry?.isIntersecting === true)).observe(content);
}
