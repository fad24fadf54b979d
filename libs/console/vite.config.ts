import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Builds the console's pages. JSX is that of `web/tsconfig.json`. */
export default defineConfig({
  root: path('./web'),
  // Relative, because only the browser knows below which path it is: the shell has a <base> that fits.
  base: './',
  plugins: [
    {
      name: 'base-of-the-development-server',
      apply: 'serve',
      transformIndexHtml: (html) => html.replace('<base href="./"', '<base href="/"'),
    },
  ],
  build: {
    outDir: path('../../dist/libs/console/web'),
    emptyOutDir: true,
    target: 'es2022',
    // Nothing inline: the pages have a strict Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` serves the API. It knows its own page by this header.
    proxy: { '/api': { target: 'http://localhost:3000/console', changeOrigin: false } },
  },
});
