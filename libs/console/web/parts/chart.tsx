import type { ComponentChildren } from 'preact';
import { formatShort } from '../text/numbers.js';
import { formatMinute } from '../text/times.js';
import type { Tone } from './verdict.js';

const LEFT = 40;
const WIDTH = 940;
const MINUTES = 60;
const STEP = (WIDTH - LEFT) / MINUTES;
const MINUTE_MS = 60_000;

/** The smallest of 1, 2, 5, 10, 20, … times three that is not below the value: the top of an axis with three lines. */
function niceTop(value: number): number {
  for (let unit = 1; ; unit *= 10) {
    for (const factor of [1, 2, 5]) if (unit * factor * 3 >= value) return unit * factor * 3;
  }
}

/** The beginning of the hour that a chart shows, in whole minutes. */
function startOf(now: number): number {
  return (Math.floor(now / MINUTE_MS) - MINUTES + 1) * MINUTE_MS;
}

function xOf(time: number, start: number): number {
  return LEFT + ((time - start) / MINUTE_MS) * STEP;
}

function clampX(x: number): number {
  return Math.min(WIDTH, Math.max(LEFT, x));
}

function Axis({ top, height, unit = '' }: { top: number; height: number; unit?: string }) {
  return (
    <>
      {[0, 1, 2, 3].map((line) => {
        const y = height - (line / 3) * height;
        return (
          <g key={line}>
            <line class="grid" x1={LEFT} x2={WIDTH} y1={y} y2={y} />
            <text x={LEFT - 8} y={y + 4} text-anchor="end">
              {formatShort((top * line) / 3)}
              {line === 3 && unit}
            </text>
          </g>
        );
      })}
    </>
  );
}

/** The same numbers beside a chart that scrolls: in narrow windows its own axis is out of sight. */
function Scale({ top, height, offset, unit = '' }: { top: number; height: number; offset: number; unit?: string }) {
  return (
    <div class="scale" aria-hidden="true">
      {[0, 1, 2, 3].map((line) => (
        <span key={line} style={{ top: `${offset + height - (line / 3) * height}px` }}>
          {formatShort((top * line) / 3)}
          {line === 3 && unit}
        </span>
      ))}
    </div>
  );
}

function Clock({ start, y }: { start: number; y: number }) {
  return (
    <>
      {[0, 10, 20, 30, 40, 50].map((minute) => (
        <text key={minute} x={LEFT + minute * STEP} y={y}>
          {formatMinute(new Date(start + minute * MINUTE_MS).toISOString())}
        </text>
      ))}
    </>
  );
}

function Scrolling({
  label,
  scale,
  children,
}: {
  label: string;
  scale: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <div class="scaled">
      <div class="chart" tabindex={0} role="group" aria-label={label}>
        {children}
      </div>
      {scale}
    </div>
  );
}

export interface MinuteOfTones {
  minute: string;
  counts: readonly { tone: Extract<Tone, 'ok' | 'same' | 'bad' | 'again'>; count: number }[];
}

/** One bar a minute for the last hour, of counts on each other; cooldowns are shaded. */
export function MinuteBars({
  minutes,
  now,
  label,
  summary,
  shades = [],
}: {
  minutes: readonly MinuteOfTones[];
  now: number;
  label: string;
  /** What the picture says, in a sentence. */
  summary: string;
  shades?: readonly { from: string; until: string }[];
}) {
  const height = 168;
  const start = startOf(now);
  const totals = minutes.map(({ counts }) => counts.reduce((sum, { count }) => sum + count, 0));
  const top = niceTop(Math.max(1, ...totals));
  return (
    <Scrolling label={label} scale={<Scale top={top} height={height} offset={28} />}>
      <svg viewBox={`0 -16 ${WIDTH} 208`} role="img" aria-label={summary}>
        {shades.map(({ from, until }) => {
          const [left, right] = [xOf(Date.parse(from), start), xOf(Date.parse(until), start)];
          if (right <= LEFT || left >= WIDTH) return null;
          const x = clampX(left);
          // A short cooldown is seen as well.
          return (
            <rect key={from} class="cooldown" x={x} y={-6} width={Math.max(3, clampX(right) - x)} height={height + 6} />
          );
        })}
        <Axis top={top} height={height} />
        {minutes.map(({ minute, counts }) => {
          const x = xOf(Date.parse(minute), start);
          if (x < LEFT) return null;
          let y = height;
          return counts.map(({ tone, count }) => {
            const size = (count / top) * height;
            y -= size;
            return count === 0 ? null : (
              <rect key={minute + tone} class={`f-${tone}`} x={x + 1} y={y} width={STEP - 1.5} height={size} />
            );
          });
        })}
        <Clock start={start} y={height + 18} />
      </svg>
    </Scrolling>
  );
}

/** Half and 19 of 20 within, for each minute of the last hour; a gap where there was nothing. */
export function TimeLines({
  minutes,
  now,
  label,
  summary,
}: {
  minutes: readonly { minute: string; medianMs: number | null; p95Ms: number | null }[];
  now: number;
  label: string;
  summary: string;
}) {
  const height = 76;
  const start = startOf(now);
  const top = niceTop(Math.max(30, ...minutes.map(({ p95Ms }) => p95Ms ?? 0)));
  const path = (valueOf: (minute: (typeof minutes)[number]) => number | null) => {
    let last = Number.NEGATIVE_INFINITY;
    return minutes
      .flatMap((minute) => {
        const value = valueOf(minute);
        const time = Date.parse(minute.minute);
        if (value === null || time < start) return [];
        const move = time - last > MINUTE_MS ? 'M' : 'L';
        last = time;
        const x = xOf(time, start) + STEP / 2;
        const y = height - (Math.min(value, top) / top) * height;
        // A point without neighbours is a short line.
        return move === 'M' ? `M${x - 3} ${y.toFixed(1)}L${x + 3} ${y.toFixed(1)}` : `L${x} ${y.toFixed(1)}`;
      })
      .join('');
  };
  return (
    <Scrolling label={label} scale={<Scale top={top} height={height} offset={18} unit=" ms" />}>
      <svg viewBox={`0 -6 ${WIDTH} 88`} role="img" aria-label={summary}>
        <Axis top={top} height={height} unit=" ms" />
        <path class="l95" d={path(({ p95Ms }) => p95Ms)} />
        <path class="l50" d={path(({ medianMs }) => medianMs)} />
      </svg>
    </Scrolling>
  );
}

/** A trend in a row of a table, with a sentence for those who do not see it. */
export function Spark({ values, label }: { values: readonly number[]; label: string }) {
  const top = Math.max(1, ...values);
  const width = 7;
  return (
    <svg class="spark" width={values.length * width} height="20" role="img" aria-label={label}>
      {values.map((value, index) => {
        const size = value === 0 ? 1 : Math.max(2, (value / top) * 20);
        return (
          <rect
            key={index}
            class={value === 0 ? 'f-same' : 'f-bad'}
            x={index * width}
            y={20 - size}
            width={width - 2}
            height={size}
          />
        );
      })}
    </svg>
  );
}

export function Legend({ children }: { children: ComponentChildren }) {
  return <div class="legend">{children}</div>;
}

export function LegendDot({ tone, text }: { tone: Tone; text: string }) {
  return (
    <span>
      <i class={`dot ${tone}`} />
      {text}
    </span>
  );
}
