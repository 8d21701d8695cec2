import { createApp } from 'vue';
import './style/page.css';
import App from './app.vue';
import { router } from './router.ts';
import { listenForKeys } from './shell/keys.ts';
import { apply } from './shell/theme.ts';

apply();
listenForKeys();
createApp(App).use(router).mount('#app');
