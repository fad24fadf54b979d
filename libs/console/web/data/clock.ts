import { useEffect, useState } from 'preact/hooks';

/** The time of the service minus that of `performance`, which no change of the viewer's clock moves. */
let offset = Date.now() - performance.now();

/** Each response says what time it is in the database. It was written at some moment while we waited; the end is near enough. */
export function setServerTime(now: string): void {
  const time = Date.parse(now);
  if (!Number.isNaN(time)) offset = time - performance.now();
}

/** The time of the service in ms. */
export function serverTime(): number {
  return offset + performance.now();
}

/** The time of the service, and again each second while the page is visible. */
export function useServerTime(): number {
  const [time, setTime] = useState(serverTime);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setTime(serverTime());
    }, 1000);
    return () => clearInterval(timer);
  }, []);
  return time;
}
