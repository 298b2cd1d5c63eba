import type { Diagnosis } from '@sage/core';
import { diagnose, type Method as Search } from '@sage/root-cause';
import type { Answer, Method, Ranked } from '../observed.js';

/** Sage itself, or its search as published (`faithful`). */
export function sageMethod(name: 'sage' | 'faithful'): Method {
  const search: Search = name;
  return {
    name,
    answer: ({ model, window, history, objective, rng }) =>
      answerOf(diagnose({ model, window, history, objective }, { rng, method: search })),
  };
}

/** The culprits, then the other candidates in the order of level 1, each with its likeliest resource where that is known. */
function answerOf({ verdict, culprits, services, resources }: Diagnosis): Answer {
  const blamed: Ranked[] = [...culprits]
    .sort((a, b) => b.share - a.share)
    .map(({ service, resource, probability }) => ({ service, resource, probability }));
  const named = new Set(blamed.map(({ service }) => service));
  const others = services.flatMap(({ service, probability }): Ranked[] => {
    if (named.has(service)) return [];
    const likeliest = resources.find((candidate) => candidate.service === service);
    return [{ service, resource: likeliest?.resource ?? null, probability }];
  });
  return { verdict, blamed, ranked: [...blamed, ...others] };
}
