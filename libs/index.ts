/** Everything, for hosts that would rather import from one place. Each lib has an entry of its own as well. */
export * from '@app/metadata-fetch';
export * from '@app/metadata-refresh';
export * from '@app/project-auth';
export * from '@app/refresh-api';
export * from '@app/token-store';
