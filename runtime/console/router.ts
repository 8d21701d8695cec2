import { createRouter, createWebHistory } from 'vue-router';
import LivePage from './live/live-page.vue';

/** Every place has an address; what is not needed at once is loaded when it is gone to. The base is the page's `<base href>`. */
export const router = createRouter({
  history: createWebHistory(new URL(document.baseURI).pathname),
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  routes: [
    { path: '/', redirect: '/live' },
    { path: '/live', name: 'live', component: LivePage, meta: { place: 'live' } },
    {
      path: '/live/:camera',
      name: 'camera',
      component: () => import('./live/camera-page.vue'),
      meta: { place: 'live' },
    },
    { path: '/events', name: 'events', component: () => import('./events/events-page.vue'), meta: { place: 'events' } },
    {
      path: '/events/:id',
      name: 'event',
      component: () => import('./events/event-page.vue'),
      meta: { place: 'events' },
    },
    { path: '/images', name: 'images', component: () => import('./images/images-page.vue'), meta: { place: 'images' } },
    {
      path: '/devices',
      name: 'devices',
      component: () => import('./devices/devices-page.vue'),
      meta: { place: 'devices' },
    },
    {
      path: '/devices/:id',
      name: 'device',
      component: () => import('./devices/device-page.vue'),
      meta: { place: 'devices' },
    },
    {
      path: '/cameras/:id/regions',
      name: 'regions',
      component: () => import('./regions/regions-page.vue'),
      meta: { place: 'devices' },
    },
    {
      path: '/streams',
      name: 'streams',
      component: () => import('./streams/streams-page.vue'),
      meta: { place: 'streams' },
    },
    {
      path: '/settings',
      name: 'settings',
      component: () => import('./settings/settings-page.vue'),
      meta: { place: 'settings' },
    },
    {
      path: '/settings/users',
      name: 'users',
      component: () => import('./users/users-page.vue'),
      meta: { place: 'settings' },
    },
    { path: '/:rest(.*)*', name: 'not-found', component: () => import('./shell/not-found.vue') },
  ],
});
