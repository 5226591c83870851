//! Requests to the whole router with the shipped model, which is loaded once.

mod asking;
mod batching;
mod canary;
mod client;
mod contract;
mod deidentified;
mod export;
mod form;
mod grounding;
mod guards;
mod hostile;
mod inference;
mod jobs;
mod layers;
mod oidc;
mod page;
mod sessions;
mod socket;
