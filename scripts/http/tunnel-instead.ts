import type { Dispatcher } from 'undici';

/** Answers to a plain GET by a proxy that opens tunnels and does nothing else. No upstream says them to a GET. */
const TUNNELS_ONLY = [405, 501];

/**
 * Sends a plain request to a proxy, and by a tunnel if the proxy says that it opens only tunnels. `onLearned` hears of that, so
 * that the next request takes the tunnel at once.
 */
export function orByTunnel(
  [plain, tunnel]: readonly [Dispatcher, Dispatcher],
  options: Dispatcher.DispatchOptions,
  handler: Dispatcher.DispatchHandler,
  onLearned: () => void,
): boolean {
  let isRefused = false;
  return plain.dispatch(options, {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onResponseStart(controller, status, headers, message) {
      isRefused = TUNNELS_ONLY.includes(status);
      if (!isRefused) handler.onResponseStart?.(controller, status, headers, message);
    },
    onResponseData(controller, chunk) {
      if (!isRefused) handler.onResponseData?.(controller, chunk);
    },
    onResponseEnd(controller, trailers) {
      if (!isRefused) return handler.onResponseEnd?.(controller, trailers);
      onLearned();
      tunnel.dispatch(options, handler);
    },
    onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
  });
}
