import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';

/** An HTB class. Rates in bit/s; bursts and quantum as tc writes them, because tc rounds them its own way. */
export interface HtbClass {
  readonly rate: number;
  readonly ceil: number;
  readonly prio: number;
  readonly burst: string;
  readonly cburst: string;
  readonly quantum: number | undefined;
}

export interface HtbReading extends HtbClass {
  readonly classid: string;
  /** Bytes waiting; undefined where tc was not asked for statistics. */
  readonly backlogBytes: number | undefined;
  /** Packets since the class was made. */
  readonly drops: number | undefined;
}

/**
 * `tc -s -d -j class show dev X`. Older releases answer text although asked for JSON, newer ones JSON with rates in
 * byte/s:
 *
 *     class htb 1:10 parent 1:1 prio 3 quantum 3000 rate 1500Kbit ceil 2Mbit linklayer ethernet burst 1599b/1 mpu 0b cburst 1600b/1 mpu 0b level 0
 *      Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0)
 *      backlog 0b 0p requeues 0
 *     [{"class":"htb","handle":"1:10","parent":"1:1","prio":3,"rate":187500,"ceil":250000,"burst":1599,"cburst":1600,"drops":0,"backlog":0}]
 */
export function parseHtbClasses(text: string): readonly HtbReading[] {
  return text.trimStart().startsWith('[') ? parseJsonClasses(text) : parseTextClasses(text);
}

function parseJsonClasses(text: string): readonly HtbReading[] {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    return [];
  }
  const readings: HtbReading[] = [];
  for (const entry of Array.isArray(entries) ? (entries as Record<string, unknown>[]) : []) {
    const { class: kind, handle, rate, ceil } = entry;
    if (kind !== 'htb' || typeof handle !== 'string' || typeof rate !== 'number') continue;
    readings.push({
      classid: handle,
      rate: 8 * rate,
      ceil: 8 * (typeof ceil === 'number' ? ceil : rate),
      prio: typeof entry.prio === 'number' ? entry.prio : 0,
      burst: sizeText(entry.burst),
      cburst: sizeText(entry.cburst),
      quantum: typeof entry.quantum === 'number' ? entry.quantum : undefined,
      backlogBytes: typeof entry.backlog === 'number' ? entry.backlog : undefined,
      drops: typeof entry.drops === 'number' ? entry.drops : undefined,
    });
  }
  return readings;
}

function parseTextClasses(text: string): readonly HtbReading[] {
  const readings: HtbReading[] = [];
  for (const block of text.split(/^(?=class )/m)) {
    const classid = /^class htb (\S+) /.exec(block)?.[1];
    const word = (key: string) => new RegExp(`\\b${key} (\\S+)`).exec(block)?.[1];
    const rate = parseRate(word('rate'));
    if (classid === undefined || rate === undefined) continue;
    readings.push({
      classid,
      rate,
      ceil: parseRate(word('ceil')) ?? rate,
      prio: Number(word('prio') ?? 0),
      burst: sizeText(word('burst')),
      cburst: sizeText(word('cburst')),
      quantum: word('quantum') === undefined ? undefined : Number(word('quantum')),
      backlogBytes: parseSize(/^ backlog (\S+) /m.exec(block)?.[1]),
      drops: parseCount(/\(dropped (\d+),/.exec(block)?.[1]),
    });
  }
  return readings;
}

const DECIMAL = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const BINARY = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

function parseRate(text: string | undefined): number | undefined {
  const match = /^([\d.]+)([KMGT]?)(i?)bit$/.exec(text ?? '');
  if (match === null) return undefined;
  const scale = match[3] === 'i' ? BINARY : DECIMAL;
  return Math.round(Number(match[1]) * scale[match[2] as keyof typeof DECIMAL]);
}

function parseSize(text: string | undefined): number | undefined {
  const match = /^([\d.]+)([KMG]?)b$/.exec(text ?? '');
  return match === null ? undefined : Math.round(Number(match[1]) * BINARY[match[2] as keyof typeof BINARY]);
}

function parseCount(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function sizeText(value: unknown): string {
  if (typeof value === 'number') return `${value}b`;
  return typeof value === 'string' ? (value.split('/')[0] as string) : '';
}

export async function readHtbClass(
  system: System,
  device: string,
  classid: string,
): Promise<Outcome<HtbReading, 'unsupported'>> {
  const answer = await system.run('tc', ['-s', '-d', '-j', 'class', 'show', 'dev', device]);
  if (!answer.ok) return failure('unsupported', `tc cannot read ${device}: ${answer.message}`);
  const found = parseHtbClasses(answer.value).find((reading) => reading.classid === classid);
  if (found === undefined) return failure('unsupported', `${device} has no HTB class ${classid}`);
  return success(found);
}

/** Arguments after `tc`. Bursts and quantum are left to tc and the kernel unless they must be set. */
export function changeArguments(
  device: string,
  classid: string,
  value: HtbClass,
  exact: boolean,
): readonly string[] {
  const change = ['class', 'change', 'dev', device, 'classid', classid, 'htb'];
  const rates = ['rate', `${value.rate}bit`, 'ceil', `${value.ceil}bit`, 'prio', String(value.prio)];
  if (!exact) return [...change, ...rates];
  const bursts = value.burst === '' ? [] : ['burst', value.burst, 'cburst', value.cburst];
  return [
    ...change,
    ...rates,
    ...bursts,
    ...(value.quantum === undefined ? [] : ['quantum', String(value.quantum)]),
  ];
}

export function sameClass(a: HtbClass, b: HtbClass): boolean {
  return sameRates(a, b) && a.burst === b.burst && a.cburst === b.cburst && a.quantum === b.quantum;
}

export function sameRates(a: HtbClass, b: HtbClass): boolean {
  // tc prints six digits at most: compare to that.
  const close = (x: number, y: number) => Math.abs(x - y) <= 1e-5 * Math.max(x, y);
  return close(a.rate, b.rate) && close(a.ceil, b.ceil) && a.prio === b.prio;
}
