import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

/** While developing there is no server that fills in where the console lies. */
const baseInDevelopment: Plugin = {
  name: 'redeye-base',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace('__BASE__', ''),
};

const server = 'http://127.0.0.1:1880';

export default defineConfig({
  // The server may lie below a path (PUBLIC_URL): every address is relative to <base href>, which the server fills in.
  base: './',
  plugins: [vue(), baseInDevelopment],
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '^/api/(v1|openapi)': server, '/editor': server, '/healthz': server } },
});
