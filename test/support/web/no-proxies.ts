/** The settings of a machine without any proxy. */
export const NO_PROXIES = { httpProxy: '', httpsProxy: '', noProxy: '' };
