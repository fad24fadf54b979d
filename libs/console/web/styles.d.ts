/** Vite makes a file of them, and the shell links it. */
declare module '*.css';
