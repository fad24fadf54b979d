import { useEffect } from 'preact/hooks';
import { crumbs } from '../parts/head.js';
import { NotFound } from '../parts/states.js';

export function NotFoundPage() {
  useEffect(() => {
    document.title = 'Not found · Refresh console';
    crumbs.set([{ text: 'Not found' }]);
  }, []);
  return <NotFound />;
}
