/**
 * Exact Shapley values (Shapley 1953) of a game of at most a handful of players: player i's mean marginal worth
 * over all orders, φ_i = Σ_S |S|!(n−|S|−1)!/n! · (v(S∪{i}) − v(S)). They sum to v(all) − v(∅).
 */
export function shapley<T>(players: readonly T[], worth: (coalition: readonly T[]) => number): number[] {
  const n = players.length;
  const worths = Array.from({ length: 1 << n }, (_, mask) =>
    worth(players.filter((_, index) => (mask & (1 << index)) !== 0)),
  );
  return players.map((_, i) => {
    let value = 0;
    for (let mask = 0; mask < 1 << n; mask++) {
      if ((mask & (1 << i)) !== 0) continue;
      const size = players.filter((_, index) => (mask & (1 << index)) !== 0).length;
      const weight = (factorial(size) * factorial(n - size - 1)) / factorial(n);
      value += weight * ((worths[mask | (1 << i)] as number) - (worths[mask] as number));
    }
    return value;
  });
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}
