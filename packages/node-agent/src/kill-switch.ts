import { closeSync, fsyncSync, openSync, statSync, writeSync } from 'node:fs';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { errorCode } from './system.js';

/** A file: while it is there nothing is changed, and what is in force is undone. */
export class KillSwitch {
  constructor(readonly path: string) {}

  /** Why nothing may be changed now; undefined where it may. What cannot be looked at counts as on. */
  get on(): string | undefined {
    try {
      statSync(this.path);
      return `the kill switch is on: remove ${this.path} on the node to allow changes again`;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      return `the kill switch ${this.path} cannot be looked at, which counts as on: ${errorMessage(error)}`;
    }
  }

  /** `reason` is for whoever finds the file. Only a person on the node turns it off, by removing the file. */
  turnOn(reason: string): Outcome<void, 'failed'> {
    try {
      const descriptor = openSync(this.path, 'a', 0o644);
      try {
        writeSync(descriptor, `${reason}\n`);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      return success(undefined);
    } catch (error) {
      // An empty file is one as well.
      if (this.on !== undefined) return success(undefined);
      return failure('failed', `the kill switch ${this.path} cannot be written: ${errorMessage(error)}`);
    }
  }
}
