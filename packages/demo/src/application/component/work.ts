import { createHash } from 'node:crypto';
import type { Rng } from '@sage/core';

const HOTELS = 3000;
const PLANS = 700;
const USERS = 501;
const HASH_ROUNDS = 120;

interface Hotel {
  readonly id: number;
  readonly lat: number;
  readonly lon: number;
  readonly rating: number;
  readonly price: number;
}

/**
 * The computing that a service does itself, 0.3 to 1 ms of real work a step. What to do is read off the step's
 * description in the topology; a description that names no computation costs nothing, as in the original.
 */
export function createWork(rng: Rng): (text: string) => unknown {
  const hotels = createHotels(rng);
  const users = new Map<string, string>();
  for (let i = 0; i < USERS; i++) users.set(`Cornell_${i}`, stretch(`${i}`.repeat(10)));
  const steps: readonly [RegExp, () => unknown][] = [
    [/kNN/, () => nearest(hotels, place(rng), 5)],
    [/linear scan/, () => best(hotels, place(rng))],
    [/sort plans/, () => sortPlans(hotels, rng)],
    [/sha256/, () => users.get(`Cornell_${rng.integer(USERS)}`) === stretch(`${rng.integer(USERS)}`)],
  ];
  // The result is handed out, so that no compiler may find it unused and leave the work out.
  return (text) => steps.find(([pattern]) => pattern.test(text))?.[1]();
}

interface Place {
  readonly lat: number;
  readonly lon: number;
}

function place(rng: Rng): Place {
  return { lat: 38.0235 + 0.481 * (rng.uniform() - 0.5), lon: -122.095 + 0.325 * (rng.uniform() - 0.5) };
}

function createHotels(rng: Rng): readonly Hotel[] {
  return Array.from({ length: HOTELS }, (_, id) => ({
    id,
    ...place(rng),
    rating: 5 * rng.uniform(),
    price: 80 + 200 * rng.uniform(),
  }));
}

/** Great-circle distance in km (haversine). */
function distanceKm(a: Place, b: Place): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 12_742 * Math.asin(Math.sqrt(h));
}

function nearest(hotels: readonly Hotel[], from: Place, count: number): readonly number[] {
  const within: { id: number; km: number }[] = [];
  for (const hotel of hotels) {
    const km = distanceKm(from, hotel);
    if (km < 10) within.push({ id: hotel.id, km });
  }
  return within
    .sort((a, b) => a.km - b.km)
    .slice(0, count)
    .map((hotel) => hotel.id);
}

function best(hotels: readonly Hotel[], from: Place): number {
  let winner = hotels[0] as Hotel;
  let score = Number.NEGATIVE_INFINITY;
  for (const hotel of hotels) {
    const value = hotel.rating - hotel.price / 100 - distanceKm(from, hotel) / 10;
    if (value > score) {
      score = value;
      winner = hotel;
    }
  }
  return winner.id;
}

function sortPlans(hotels: readonly Hotel[], rng: Rng): number {
  const plans = Array.from({ length: PLANS }, () => rng.pick(hotels));
  return (plans.sort((a, b) => a.price - b.price || a.id - b.id)[0] as Hotel).id;
}

function stretch(password: string): string {
  let digest = password;
  for (let i = 0; i < HASH_ROUNDS; i++) digest = createHash('sha256').update(digest).digest('hex');
  return digest;
}
