-- What a device captured by itself and brings later comes under a key of the device's, which is good for one picture.
alter table images add column upload_key text;
create unique index images_by_upload on images (device_id, upload_key) where upload_key is not null;
