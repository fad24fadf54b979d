import { QueryClientProvider } from '@tanstack/preact-query';
import { render } from 'preact';
import { Router } from 'wouter-preact';
import { App } from './app.js';
import { MOUNT } from './data/api.js';
import { queryClient } from './data/queries.js';
import './styles/index.css';

render(
  <QueryClientProvider client={queryClient}>
    <Router base={MOUNT.pathname.replace(/\/$/, '')}>
      <App />
    </Router>
  </QueryClientProvider>,
  document.getElementById('console')!,
);
