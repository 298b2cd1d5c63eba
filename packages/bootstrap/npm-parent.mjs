const LOOK_EVERY_MS = 500;

/**
 * Lets a program that npm runs end with its parent, as SIGTERM ends it: npm hands a signal on to the shell that it runs a
 * script in, and there are shells that end of it and leave what they run behind. Who starts a program without npm
 * may end before it does.
 */
export function endWithNpm(env = process.env) {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_EVERY_MS);
  look.unref();
}
