import type { Plugin } from 'esbuild';

/** Leaves out what keeps the order of keys: for functions of topics that ask for none. What came all the same would say so. */
export const nothingForOrder: Plugin = {
  name: 'nothing-for-order',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.\/in-order\.ts$/ }, () => ({ path: 'in-order', namespace: NAMESPACE }));
    onLoad({ filter: /^/, namespace: NAMESPACE }, () => ({ contents: NOTHING }));
  },
};

const NAMESPACE = 'for-order';

const NOTHING = `export const inOrder = () => {
    throw new Error('this function was bundled without what keeps order: its topic asks for none');
  };
  export const keysOf = inOrder, pace = inOrder;`;
