import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

/** While developing there is no server that fills in where the console lies. */
const baseInDevelopment: Plugin = {
  name: 'redeye-base',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace('__BASE__', ''),
};

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const PLAYER = 'redeye-player';
const EDGE_SIDEBAR = 'redeye-edge-sidebar';
const KNOWN_BY_NAME = [PLAYER, EDGE_SIDEBAR];

const server = 'http://127.0.0.1:1880';

export default defineConfig({
  // The server may lie below a path (PUBLIC_URL): every address is relative to <base href>, which the server fills in.
  base: './',
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === PLAYER } } }), baseInDevelopment],
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // livekit-client alone is larger than the default of 500, and is loaded only where somebody watches by LiveKit.
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      // The player and the editor's sidebar are files of their own, with names that pages elsewhere can know.
      input: {
        console: here('./index.html'),
        [PLAYER]: here('./player/redeye-player.ts'),
        [EDGE_SIDEBAR]: here('./editor/edge-sidebar.ts'),
      },
      output: {
        entryFileNames: ({ name }) => (KNOWN_BY_NAME.includes(name) ? 'assets/[name].js' : 'assets/[name]-[hash].js'),
      },
      preserveEntrySignatures: 'allow-extension',
    },
  },
  server: { proxy: { '^/api/(v1|openapi)': server, '/editor': server, '/healthz': server } },
});
