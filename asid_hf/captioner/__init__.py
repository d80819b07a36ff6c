"""ASID-Captioner on transformers. Importing it makes the model known to the Auto classes."""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    AutoProcessor,
)

from asid_hf.captioner.configuration_asid_captioner import AsidCaptionerConfig
from asid_hf.captioner.modeling_asid_captioner import AsidCaptionerForConditionalGeneration
from asid_hf.captioner.processing_asid_captioner import AsidCaptionerProcessor

__all__ = ["AsidCaptionerConfig", "AsidCaptionerForConditionalGeneration", "AsidCaptionerProcessor"]

AutoConfig.register(AsidCaptionerConfig.model_type, AsidCaptionerConfig)
AutoProcessor.register(AsidCaptionerConfig, AsidCaptionerProcessor)
for kind in (AutoModel, AutoModelForMultimodalLM, AutoModelForImageTextToText):
    kind.register(AsidCaptionerConfig, AsidCaptionerForConditionalGeneration)
