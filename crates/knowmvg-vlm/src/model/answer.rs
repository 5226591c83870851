use burn::tensor::Tensor;

use super::VisionLanguageModel;
use crate::chat::Turn;
use crate::generate::{Answer, Ending, Limits, Sampler, Sampling};
use crate::image::{Patches, Picture};
use crate::text::{Cache, TextBatch};
use crate::{Error, Result};

impl VisionLanguageModel {
    /// Answers a conversation about pictures, which its turns show in this order.
    ///
    /// # Errors
    /// When the sampling makes no sense, or turns and pictures do not fit each other or the model.
    pub fn generate(
        &self,
        turns: &[Turn],
        pictures: &[Picture],
        sampling: &Sampling,
        limits: &Limits,
    ) -> Result<Answer> {
        let pictures = self.look(pictures)?;
        let ids = self.tokenizer.encode_prompt(&self.style.prompt(turns), &self.image_tokens(&pictures))?;
        self.continue_ids(&ids, &pictures, sampling, limits)
    }

    /// Continues a row of ids.
    ///
    /// # Errors
    /// As [`VisionLanguageModel::generate`].
    pub fn continue_ids(
        &self,
        ids: &[u32],
        pictures: &[Patches],
        sampling: &Sampling,
        limits: &Limits,
    ) -> Result<Answer> {
        let mut sampler = Sampler::new(sampling).map_err(Error::Input)?;
        let mut cache = Cache::default();
        let mut batch = self.batch(&[ids.to_vec()], vec![vec![true; ids.len()]], pictures)?;
        let mut answered = vec![];
        let mut ending = Ending::Cut;
        while answered.len() < limits.new_tokens {
            let logits = self.last_logits(batch, &mut cache)?;
            let id = sampler.choose(&logits).ok_or_else(|| Error::Input("no logit is a number".into()))?;
            if self.stop_ids.contains(&id) {
                ending = Ending::Stopped;
                break;
            }
            answered.push(id);
            let positions = cache.continued(1);
            batch = TextBatch::without_images(self.language.embed(&[vec![id]])?, vec![vec![true]], positions);
        }
        Ok(Answer { text: self.tokenizer.decode(&answered)?, ids: answered, ending })
    }

    /// What may follow a single row.
    fn last_logits(&self, batch: TextBatch, cache: &mut Cache) -> Result<Vec<f32>> {
        let rows = self.language.hidden_states(batch, cache)?;
        let [_, tokens, _] = rows.dims();
        let logits: Tensor<3> = self.language.logits(rows.narrow(1, tokens - 1, 1));
        logits.try_to_vec_as().map_err(|e| Error::Input(format!("the device returned no logits: {e:?}")))
    }
}
