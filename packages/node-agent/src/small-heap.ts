import { setFlagsFromString } from 'node:v8';

// The young generation of the heap grows to 16 MiB three times over although it empties in milliseconds: the agent
// would hold tens of megabytes of every node for nothing. Imported before all else, while it is still small.
setFlagsFromString('--semi-space-growth-factor=1');
