const actions = new Set<() => void>();

/**
 * Registers an action for the exit of this process, and returns a function that cancels it. The action cannot wait for
 * anything.
 */
export function atExit(action: () => void): () => void {
  if (actions.size === 0) process.on('exit', runAll);
  actions.add(action);
  return () => {
    actions.delete(action);
    if (actions.size === 0) process.off('exit', runAll);
  };
}

function runAll(): void {
  for (const action of actions) action();
}
