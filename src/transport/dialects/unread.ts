/** The header that says why an entry could not be read. */
export const UNREAD = 'hikyaku-unread';
