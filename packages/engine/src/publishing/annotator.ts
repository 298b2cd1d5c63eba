import { errorMessage, failure, type Logger, type Outcome, success } from '@sage/core';
import type { GrafanaConfig } from '../config/config.js';
import { type RequestReason, requestJson } from '../http/client.js';
import type { AnnotationState, IncidentRecord } from '../incidents/incident.js';
import type { IncidentStore } from '../incidents/incident-store.js';
import { diagnosisText } from '../incidents/words.js';
import { pause } from '../pause.js';

export interface AnnotatorOptions {
  readonly store: IncidentStore;
  /** undefined: Grafana is not configured. */
  readonly grafana: () => GrafanaConfig | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly logger: Logger;
  readonly onFailure: () => void;
  /** First pause before another try; it doubles up to 64 times this. Default 1 s. */
  readonly retryMs?: number;
}

const MAX_TRIES = 12;

/**
 * Keeps one region annotation per incident in Grafana: posted with the diagnosis, its text renewed with a new one, its
 * end set on close. What is to be done follows from the incident alone, so a restart goes on where it stopped.
 */
export class Annotator {
  readonly #options: AnnotatorOptions;
  readonly #working = new Map<string, Promise<void>>();
  readonly #dirty = new Set<string>();
  readonly #abort = new AbortController();

  constructor(options: AnnotatorOptions) {
    this.#options = options;
  }

  /** Brings the annotation up to date in the background. One incident has one request at a time. */
  sync(id: string): void {
    if (this.#options.grafana() === undefined || this.#abort.signal.aborted) return;
    this.#dirty.add(id);
    if (this.#working.has(id)) return;
    this.#working.set(
      id,
      this.#run(id).finally(() => {
        this.#working.delete(id);
        if (this.#dirty.has(id)) this.sync(id);
      }),
    );
  }

  /** Takes up what an earlier run left. */
  recover(): void {
    for (const { id, status, annotation } of this.#options.store.all) {
      const unfinished =
        annotation.state === 'posting' || (annotation.state === 'posted' && !annotation.ended);
      if (status === 'open' || unfinished) this.sync(id);
    }
  }

  async idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working.values());
  }

  /** Ends after the requests under way; what is left is done after the next start. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#dirty.clear();
    await this.idle();
  }

  async #run(id: string): Promise<void> {
    const { logger, onFailure, retryMs = 1000 } = this.#options;
    for (let tries = 0; tries < MAX_TRIES && !this.#abort.signal.aborted; tries++) {
      this.#dirty.delete(id);
      const done = await this.#step(id).catch((error) => failure('failed', errorMessage(error)));
      if (done.ok) return;
      onFailure();
      if (tries === 0)
        logger.warn('the annotation was not taken; trying again', { incident: id, error: done.message });
      if (done.reason === 'rejected') break;
      await pause(retryMs * 2 ** Math.min(tries, 6), this.#abort.signal);
    }
    if (!this.#abort.signal.aborted) logger.error('the annotation was given up', { incident: id });
  }

  /** One pass: post, renew, end, whichever is due. */
  async #step(id: string): Promise<Outcome<void>> {
    const { store } = this.#options;
    const incident = store.get(id);
    const grafana = this.#options.grafana();
    if (incident === undefined || incident.diagnosis === null || grafana === undefined)
      return success(undefined);
    const before = incident.annotation;
    const posted: Outcome<AnnotationState> =
      before.state === 'posted'
        ? success(before)
        : await this.#post(grafana, incident, before.state === 'posting');
    if (!posted.ok) return posted;
    if (posted.value.state !== 'posted') return success(undefined);
    const text = annotationText(incident);
    const end = incident.closedMs !== null && !posted.value.ended;
    if (!end && posted.value.text === text) return success(undefined);
    const patched = await this.#ask(grafana, 'PATCH', `/${posted.value.id}`, {
      text,
      tags: annotationTags(incident),
      ...(incident.closedMs === null ? {} : { timeEnd: Math.round(incident.closedMs) }),
    });
    if (!patched.ok) return patched;
    await this.#remember(id, { ...posted.value, text, ended: incident.closedMs !== null });
    return success(undefined);
  }

  async #post(
    grafana: GrafanaConfig,
    incident: IncidentRecord,
    maybePosted: boolean,
  ): Promise<Outcome<AnnotationState>> {
    if (maybePosted) {
      const found = await this.#find(grafana, incident.id);
      if (!found.ok) return found;
      if (found.value !== undefined)
        return success(await this.#remember(incident.id, state(found.value, '')));
    }
    await this.#remember(incident.id, { state: 'posting' });
    const text = annotationText(incident);
    const answer = await this.#ask(grafana, 'POST', '', {
      ...(grafana.dashboardUid === undefined ? {} : { dashboardUID: grafana.dashboardUid }),
      time: Math.round(incident.openedMs),
      tags: annotationTags(incident),
      text,
    });
    if (!answer.ok) return answer;
    const id = (answer.value as { id?: unknown } | undefined)?.id;
    if (typeof id !== 'number')
      return failure('invalid', 'Grafana answered without the id of the annotation');
    return success(await this.#remember(incident.id, state(id, text)));
  }

  async #find(grafana: GrafanaConfig, incident: string): Promise<Outcome<number | undefined>> {
    const query = new URLSearchParams([
      ['tags', 'sage'],
      ['tags', `incident:${incident}`],
    ]);
    const answer = await this.#ask(grafana, 'GET', `?${query}`);
    if (!answer.ok) return answer;
    const list = Array.isArray(answer.value) ? (answer.value as { id?: unknown }[]) : [];
    return success(list.map(({ id }) => id).find((id) => typeof id === 'number'));
  }

  async #ask(
    grafana: GrafanaConfig,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: unknown,
  ): Promise<Outcome<unknown>> {
    const url = `${grafana.url}/api/annotations${path}`;
    const answer: Outcome<unknown, RequestReason> = await requestJson(this.#options.fetch, url, {
      method,
      token: grafana.token,
      body,
    });
    // A 4xx other than "too many" says the same the next time, too.
    return !answer.ok && / status 4(?!29)/.test(answer.message)
      ? failure('rejected', answer.message)
      : answer;
  }

  async #remember<T extends AnnotationState>(id: string, annotation: T): Promise<T> {
    this.#options.store.update(id, (record) => ({ ...record, annotation }));
    await this.#options.store.save();
    return annotation;
  }
}

function state(id: number, text: string) {
  return { state: 'posted', id, text, ended: false } as const;
}

function annotationText({ diagnosis }: IncidentRecord): string {
  return diagnosis === null ? '' : diagnosisText(diagnosis);
}

function annotationTags({ id, objective, diagnosis }: IncidentRecord): string[] {
  const culprits = (diagnosis?.culprits ?? []).flatMap(({ service, resource, replica }) => [
    `service:${service}`,
    `resource:${resource}`,
    ...(replica === undefined ? [] : [`replica:${replica}`]),
  ]);
  return [...new Set(['sage', `qos:${objective}`, ...culprits, `incident:${id}`])];
}
