import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout; compiled, this file is in test/dist/support. */
export const REPOSITORY = join(fileURLToPath(new URL('.', import.meta.url)), '../../..');
