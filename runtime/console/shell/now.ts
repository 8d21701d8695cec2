import { readonly, ref } from 'vue';

const now = ref(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 1000);

/** The time, once a second, for everything that shows an age. */
export const currentTime = readonly(now);
